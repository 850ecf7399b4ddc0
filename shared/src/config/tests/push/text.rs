//! What is said of a target: nothing secret, and what can be missed.

use super::*;

fn secret_hook(url: &str) -> String {
    webhook(url) + "headers = { x-key = 'hunter2' }\n"
}

#[test]
fn a_target_is_shown_without_what_may_be_a_key() {
    let bucket = |prefix: &str| format!("[client.push.s3]\nbucket = 'our-events'\n{prefix}");
    for (lines, expected) in [
        (secret_hook("https://hooks.example.com"), "webhook https://hooks.example.com/"),
        (secret_hook("https://hooks.example.com/a?key=hunter2"), "webhook https://hooks.example.com/a?…"),
        (secret_hook("https://[2606:4700::1]:8443/a"), "webhook https://[2606:4700::1]:8443/a"),
        (bucket(""), "s3 our-events"),
        (bucket("prefix = 'a/b/'"), "s3 our-events/a/b"),
        (
            "[client.push.lambda]\nfunction = 'arn:aws:lambda:eu-west-2:111122223333:function:f'".to_owned(),
            "lambda arn:aws:lambda:eu-west-2:111122223333:function:f",
        ),
    ] {
        let found = target(&lines);
        assert_eq!(found.to_string(), expected);
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }
}

#[test]
fn a_time_is_shown_in_its_largest_unit() {
    let hook = webhook("https://hooks.example.com/");
    for (text, expected) in [("7d", "7d"), ("48h", "2d"), ("36h", "36h"), ("120m", "2h"), ("90m", "90m")] {
        let push = client(&format!("[client.push]\ngive_up_after = '{text}'\n{hook}")).push.unwrap();
        assert_eq!(push.give_up_after_text().as_deref(), Some(expected));
    }
    assert_eq!(client(&hook).push.unwrap().give_up_after_text(), None);
}

#[test]
fn what_ends_order_or_reaches_nobody_is_warned_about() {
    let warnings = |lines: &str| {
        let text = file(lines).replace(
            "'8.8.8.8'",
            "{ host = 'localhost', internal = true }, { host = '::1', internal = true }",
        );
        let config = read(&text, None).unwrap();
        config.warnings().iter().map(|warning| format!("{warning}\n")).collect::<String>()
    };
    let local = format!(
        "{}[client.push.webhook.oauth]\ntoken_url = 'https://[::1]/'\nclient_id = 'a'\nclient_secret = '{SECRET}'",
        webhook("https://localhost:8443/")
    );
    for quiet in [
        webhook("https://hooks.example.com/"),
        webhook("https://erp.corp/"),
        "[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:111122223333:a.fifo'".to_owned(),
        "[client.push.kinesis]\nstream = 'arn:aws:kinesis:eu-west-2:111122223333:stream/a'".to_owned(),
        String::new(),
    ] {
        assert_eq!(warnings(&quiet), "");
    }
    let topic = "[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:111122223333:a'";
    let bus =
        "[client.push.eventbridge]\nbus = 'arn:aws:events:eu-west-2:111122223333:event-bus/a'\nsource = 'a'";
    expect![[r#"
        client.push.webhook.url: client `Billing`: names the function's own machine, which only a stack of `cargo local` connects to; name the host that receives events
        client.push.webhook.oauth.token_url: client `Billing`: names the function's own machine, which only a stack of `cargo local` connects to; name the host that receives events
        client.push.sns.topic: client `Billing`: order ends at a standard topic: its subscribers get an aggregate's events in any order, and some twice; name a FIFO topic, or let subscribers put events in order by `version`
        client.push.eventbridge.bus: client `Billing`: order ends at an event bus: its rules' targets get an aggregate's events in any order, and some twice; let receivers put an aggregate's events in order by `version`, or choose another target
    "#]].assert_eq(&[local.as_str(), topic, bus].map(warnings).concat());
}
