//! What a plan says of clients that are pushed to.

use super::*;

const SOURCE: &str = "\
[source]
partition_key = 'mark'
sort_key = 'createTime'
name = 'name'
version = 'version'
allowed_accounts = ['111122223333', '444455556666']
allowed_hosts = ['hooks.example.com', { host = 'erp.corp', internal = true }, 'login.example.com']
";

const HOOK: &str = "[client.push.webhook]
url = 'https://hooks.example.com/marks?key=hunter2'
secret = 'arn:aws:ssm:eu-west-2:111122223333:parameter/hooks'
headers = { x-team = 'hunter2' }";

fn config_of(clients: &[(&str, &str)]) -> Config {
    let clients = clients.iter().map(|(name, lines)| format!("[[client]]\nname = '{name}'\n{lines}\n"));
    let text = SOURCE.to_owned() + &clients.collect::<String>();
    Config::try_from_toml("client-queues.toml", &text, Some(&naming())).unwrap()
}

fn planned(clients: &[(&str, &str)], running: Option<&[(&str, &str)]>) -> Plan {
    let running = running.map(|clients| {
        let config = config_of(clients);
        let clients = RunningStack::registered(&config, &naming());
        RunningStack { clients, config: Some(config), ..RunningStack::default() }
    });
    let plan =
        plan("mark-event-queue", &config_of(clients), &naming(), Facts { running, ..Facts::default() });
    let shown = plan.to_text(Style::Plain) + &serde_json::to_string(&plan).unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");
    plan
}

const EACH_KIND: [(&str, &str); 8] = [
    ("Billing", HOOK),
    (
        "Erp",
        "[client.push]\ngive_up_after = '36h'\non_refused = 'skip'\n[client.push.webhook]\nurl = 'https://erp.corp:8443'\n\
         secret = 'arn:aws:ssm:eu-west-2:111122223333:parameter/erp'\n[client.push.webhook.oauth]\n\
         token_url = 'https://login.example.com/token'\nclient_id = 'fan-out'\n\
         client_secret = 'arn:aws:ssm:eu-west-2:111122223333:parameter/erp-client'",
    ),
    ("Tax", "[client.push.lambda]\nfunction = 'arn:aws:lambda:eu-west-2:111122223333:function:tax:live'"),
    ("Police", "[client.push.sns]\ntopic = 'arn:aws:sns:us-east-1:444455556666:police.fifo'"),
    ("News", "[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:444455556666:news'"),
    (
        "Bus",
        "[client.push.eventbridge]\nbus = 'arn:aws:events:eu-west-2:111122223333:event-bus/default'\nsource = 'marks'",
    ),
    ("Lake", "[client.push.kinesis]\nstream = 'arn:aws:kinesis:eu-west-2:111122223333:stream/lake'"),
    ("Archive", "[client.push.s3]\nbucket = 'our-events'\nprefix = 'marks'\naccount = '444455556666'"),
];

#[test]
fn each_target_is_listed_with_what_leaves_the_account_and_where_order_ends() {
    expect![[r#"
        Stack mark-event-queue is to be made in eu-west-2, account 111122223333.

        client   change  queue                         account
        Billing  added   MarkFanOutClientBilling.fifo  111122223333
        Erp      added   MarkFanOutClientErp.fifo      111122223333
        Tax      added   MarkFanOutClientTax.fifo      111122223333
        Police   added   MarkFanOutClientPolice.fifo   111122223333
        News     added   MarkFanOutClientNews.fifo     111122223333
        Bus      added   MarkFanOutClientBus.fifo      111122223333
        Lake     added   MarkFanOutClientLake.fifo     111122223333
        Archive  added   MarkFanOutClientArchive.fifo  111122223333

        ATTENTION: client.push.sns.topic: client `News`: order ends at a standard topic: its subscribers get an aggregate's events in any order, and some twice; name a FIFO topic, or let subscribers put events in order by `version`
        ATTENTION: client.push.eventbridge.bus: client `Bus`: order ends at an event bus: its rules' targets get an aggregate's events in any order, and some twice; let receivers put an aggregate's events in order by `version`, or choose another target

        Targets that the stack itself delivers events to:
          NEW Billing: webhook https://hooks.example.com/marks?… (leaves AWS)
          NEW Erp: webhook https://erp.corp:8443/ (leaves AWS, perhaps for a private network; with tokens from https://login.example.com/token; what fails for 36h counts as refused; what it refuses is left out, with a rejection)
          NEW Tax: lambda arn:aws:lambda:eu-west-2:111122223333:function:tax:live (stays in the account)
          NEW Police: sns arn:aws:sns:us-east-1:444455556666:police.fifo (leaves the account for 444455556666; in us-east-1)
          NEW News: sns arn:aws:sns:eu-west-2:444455556666:news (leaves the account for 444455556666; order ends there)
          NEW Bus: eventbridge arn:aws:events:eu-west-2:111122223333:event-bus/default (stays in the account; order ends there)
          NEW Lake: kinesis arn:aws:kinesis:eu-west-2:111122223333:stream/lake (stays in the account)
          NEW Archive: s3 our-events/marks (leaves the account for 444455556666; an erased aggregate's objects are deleted)

        Accounts that will receive every event:
          NEW 111122223333 (the stack's own): Billing, Erp, Tax, Police, News, Bus, Lake, Archive
          NEW 444455556666: Police, News, Archive
    "#]].assert_eq(&planned(&EACH_KIND, None).to_text(Style::Plain));
}

#[test]
fn programs_get_the_same_facts() {
    let plan = planned(&EACH_KIND[..2], None);
    expect![[r#"
        [
          {
            "is_new": true,
            "target": {
              "client": "Billing",
              "kind": "webhook",
              "target": "https://hooks.example.com/marks?…",
              "account": null,
              "region": null,
              "is_internal": false,
              "token_url": null,
              "keeps_order": true,
              "give_up_after": null,
              "on_refused": "hold",
              "on_erased": null
            }
          },
          {
            "is_new": true,
            "target": {
              "client": "Erp",
              "kind": "webhook",
              "target": "https://erp.corp:8443/",
              "account": null,
              "region": null,
              "is_internal": true,
              "token_url": "https://login.example.com/token",
              "keeps_order": true,
              "give_up_after": "36h",
              "on_refused": "skip",
              "on_erased": null
            }
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&plan.targets).unwrap());
    assert!(planned(&[("Billing", "")], None).targets.is_empty());
}

#[test]
fn what_changes_of_a_target_is_a_setting() {
    let text = |now: &str, then: &str| {
        let plan = planned(&[("Billing", then)], Some(&[("Billing", now)]));
        let settings = plan.settings.iter().map(|Setting { name, old, new }| {
            format!("{name}: {} -> {new}\n", old.as_deref().unwrap_or("(not there)"))
        });
        assert_eq!(plan.result == PlanResult::Nothing, plan.settings.is_empty());
        let is_new = plan.targets.iter().filter(|target| target.is_new).count();
        settings.collect::<String>() + &format!("{is_new} of {} targets are new\n", plan.targets.len())
    };
    let stream = "[client.push.kinesis]\nstream = 'arn:aws:kinesis:eu-west-2:111122223333:stream/lake'";
    expect![[r#"
        0 of 1 targets are new
    "#]]
    .assert_eq(&text(HOOK, HOOK));
    expect![[r#"
        client.push of Billing:  -> webhook https://hooks.example.com/marks?…
        client.push.on_refused of Billing:  -> hold
        client.push.webhook.headers of Billing:  -> x-team
        client.push.webhook.secret of Billing:  -> arn:aws:ssm:eu-west-2:111122223333:parameter/hooks
        client.push.webhook.timeout of Billing:  -> 15 s
        1 of 1 targets are new
    "#]]
    .assert_eq(&text("", HOOK));
    expect![[r#"
        client.push of Billing: webhook https://hooks.example.com/marks?… -> 
        client.push.on_refused of Billing: hold -> 
        client.push.webhook.headers of Billing: x-team -> 
        client.push.webhook.secret of Billing: arn:aws:ssm:eu-west-2:111122223333:parameter/hooks -> 
        client.push.webhook.timeout of Billing: 15 s -> 
        0 of 0 targets are new
    "#]]
    .assert_eq(&text(HOOK, ""));
    expect![[r#"
        client.push of Billing: webhook https://hooks.example.com/marks?… -> kinesis arn:aws:kinesis:eu-west-2:111122223333:stream/lake
        client.push.webhook.headers of Billing: x-team -> 
        client.push.webhook.secret of Billing: arn:aws:ssm:eu-west-2:111122223333:parameter/hooks -> 
        client.push.webhook.timeout of Billing: 15 s -> 
        1 of 1 targets are new
    "#]].assert_eq(&text(HOOK, stream));
    let policies = format!("[client.push]\ngive_up_after = '90m'\non_refused = 'skip'\n{HOOK}\ntimeout = 5");
    expect![[r#"
        client.push.give_up_after of Billing:  -> 90m
        client.push.on_refused of Billing: hold -> skip
        client.push.webhook.timeout of Billing: 15 s -> 5 s
        0 of 1 targets are new
    "#]]
    .assert_eq(&text(HOOK, &policies));
    expect![[r#"
        client.push.webhook.headers of Billing: x-team -> x-team (changed)
        0 of 1 targets are new
    "#]]
    .assert_eq(&text(HOOK, &HOOK.replace("'hunter2'", "'other'")));
    expect![[r#"
        client.push of Billing: webhook https://hooks.example.com/marks?… -> webhook https://hooks.example.com/marks?… (changed)
        0 of 1 targets are new
    "#]].assert_eq(&text(HOOK, &HOOK.replace("key=hunter2", "key=other")));
    let bucket = "[client.push.s3]\nbucket = 'our-events'\n";
    expect![[r#"
        client.erasures of Billing: true -> false
        client.push.s3.on_erased of Billing: delete -> keep
        0 of 1 targets are new
    "#]]
    .assert_eq(&text(bucket, &format!("{bucket}on_erased = 'keep'")));
}

#[test]
fn a_queue_that_changes_its_reader_is_warned_about() {
    let stream = "[client.push.kinesis]\nstream = 'arn:aws:kinesis:eu-west-2:111122223333:stream/lake'";
    let lines = |now: &str, then: &str| {
        let text = planned(&[("Billing", then)], Some(&[("Billing", now)])).to_text(Style::Plain);
        let lines = text.lines().filter(|line| line.contains("Billing's") && !line.starts_with(' '));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let all = [lines("", stream), lines(stream, ""), lines(HOOK, stream), lines(HOOK, HOOK)];
    expect![[r#"
        ATTENTION: from the deploy on the stack itself reads Billing's queue; stop its consumer before, or each of them gets a part of the events
        ATTENTION: the stack no longer delivers Billing's events to kinesis arn:aws:kinesis:eu-west-2:111122223333:stream/lake; they stay in its queue until a consumer reads them
        Billing's new target gets what its old one has not taken, what waits in the queue included, and nothing from before
    "#]].assert_eq(&all.concat());
}

#[test]
fn an_account_of_a_target_receives_events() {
    let accounts = |plan: Plan| {
        let accounts = plan.accounts.iter().map(|account| {
            format!(
                "{}{}: {}",
                account.account,
                if account.is_new { " new" } else { "" },
                account.clients.join(" ")
            )
        });
        accounts.collect::<Vec<_>>().join("; ")
    };
    let (queue, topic) = ([("News", "")], [EACH_KIND[4]]);
    expect!["111122223333: News; 444455556666 new: News"].assert_eq(&accounts(planned(&topic, Some(&queue))));
    expect!["111122223333: News; 444455556666: News"].assert_eq(&accounts(planned(&topic, Some(&topic))));
    expect!["111122223333: Archive; 444455556666 new: Archive"]
        .assert_eq(&accounts(planned(&[EACH_KIND[7]], Some(&queue))));
}
