//! A sample event for a client's target, as an operator asks for it.

use std::cell::RefCell;
use std::time::Duration;

use push::event::Event;
use push::handler::{Push, Side};
use push::outcome::{Deliver, Delivered, Failure, FailureKind};
use push::trial::TrialError;
use shared::config::{self, Config, OnRefused, PushTarget, SecretArn, WebUrl, WebhookTarget};
use shared::control::{PushFailureKind, PushTest, PushTestRequest};
use shared::naming::Naming;
use shared::time::Timestamp;
use testkit::memory::VirtualClock;

/// A target that notes what it gets.
struct Target<'t> {
    clock: &'t VirtualClock,
    failure: Option<FailureKind>,
    got: RefCell<Vec<String>>,
}

impl Deliver for &Target<'_> {
    async fn deliver(&self, events: &[Event<'_>], mark: Option<&str>, _: Duration) -> Delivered {
        self.clock.freeze(Duration::from_millis(23));
        assert_eq!(mark, None);
        for event in events {
            let Event { group, message, id, name, erased, body, .. } = event;
            let what = format!(
                "{group} {id} {name:?} {} {:?} {erased:?} {body}",
                message.version, message.previous_version
            );
            self.got.borrow_mut().push(what);
        }
        match self.failure {
            None => Delivered::all(events.len()),
            Some(kind) => {
                let (reason, alike) = ("410 Gone".to_owned(), "410".to_owned());
                Delivered::none(Failure { kind, reason, alike, retry_after: None })
            }
        }
    }

    fn at_once(&self) -> usize {
        10
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(15)
    }
}

fn config(naming: &Naming) -> Config {
    let text = "[source]\npartition_key = 'mark'\nsort_key = 'at'\nversion = 'version'\n[[client]]\nname = 'Billing'\n\
                [[client]]\nname = 'Tax'\n";
    let mut config = Config::try_from_toml("client-queues.toml", text, Some(naming)).unwrap();
    let (host, path_and_query) = ("hooks.example.com".to_owned(), "/".to_owned());
    let url = WebUrl { host, port: 443, path_and_query, is_internal: false };
    let secret = SecretArn::Parameter("arn:aws:ssm:eu-west-2:111122223333:parameter/secret".to_owned());
    let timeout = Duration::from_secs(15);
    let target =
        PushTarget::Webhook(WebhookTarget { url, secret, timeout, headers: Vec::new(), oauth: None });
    let push = config::Push { target, give_up_after: None, on_refused: OnRefused::Hold };
    config.clients.first_mut().unwrap().push = Some(push);
    config
}

/// Asks for a sample event for `client`, so long before the function's end. Returns the answer, and what the target got.
fn ask(
    client: &str,
    id: &str,
    seconds: u64,
    failure: Option<FailureKind>,
) -> (Result<String, TrialError>, Vec<String>) {
    let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
    let clock = VirtualClock::at(Timestamp::from_millis(1_800_000_000_000));
    let target = Target { clock: &clock, failure, got: RefCell::default() };
    let push = Push::new(&config(&naming), &naming, Side::Web, |_| &target);
    let test = PushTest { client: client.to_owned(), id: id.to_owned(), caller: None };
    let deadline = clock.now().plus(Duration::from_secs(seconds));
    let answer = clock.block_on(push.try_target(&clock, &PushTestRequest { test }, deadline));
    let answer = answer.map(|answer| {
        assert_eq!(answer.failure.is_some(), failure.is_some());
        serde_json::to_string(&answer).unwrap()
    });
    (answer, target.got.take())
}

#[test]
fn the_target_gets_one_event_of_an_aggregate_of_its_own() {
    let (answer, got) = ask("Billing", "t-1", 30, None);
    let sample = r#"{"client":"Billing","id":"t-1","test":true}"#;
    let expected =
        format!(r#"fanoutctl.test-t-1 fanoutctl.test-t-1 Some("fanoutctl.test") 1 Some(0) None {sample}"#);
    assert_eq!(got, [expected]);
    let expected = r#"{"client":"Billing","kind":"webhook","event_id":"fanoutctl.test-t-1","milliseconds":23,"failure":null}"#;
    assert_eq!(answer.unwrap(), expected);
}

#[test]
fn what_fails_says_what_push_makes_of_it() {
    for (kind, expected) in [
        (FailureKind::Transient, PushFailureKind::Transient),
        (FailureKind::Target, PushFailureKind::Target),
        (FailureKind::Event, PushFailureKind::Event),
        (FailureKind::Gone, PushFailureKind::Gone),
    ] {
        let (answer, got) = ask("Billing", "t-1", 30, Some(kind));
        let expected = serde_json::to_string(&expected).unwrap();
        let failure = format!(r#""failure":{{"kind":{expected},"reason":"410 Gone"}}"#);
        assert!(answer.unwrap().contains(&failure) && got.len() == 1, "{kind:?}");
    }
}

#[test]
fn who_has_no_target_here_or_no_time_is_not_asked() {
    for (client, id, seconds, expected) in [
        (
            "Tax",
            "t-1",
            30,
            "client `Tax` is none that this function delivers for; deploy the config that has its target",
        ),
        ("Billing", "t_1", 30, "`id`: `t_1` is not a replay's id; use 1 to 40 letters, digits and `-`"),
        ("Billing", "t-1", 14, "no time was left to ask the target; try again"),
    ] {
        let (answer, got) = ask(client, id, seconds, None);
        assert_eq!((answer.unwrap_err().to_string().as_str(), got.len()), (expected, 0));
    }
}
