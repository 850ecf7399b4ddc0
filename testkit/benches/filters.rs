//! Who wants an event: a hundred clients' filters, all different, in one look at an event of 2 KB, beside the same
//! filters one by one, in the same process and in turn.
//!
//! `cargo bench -p testkit --bench filters`

#![allow(clippy::expect_used, reason = "a benchmark reports by panicking")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde_json::json;
use shared::config::Config;
use shared::event::{Along, Event, Reader};
use shared::filter::ClientFilters;
use shared::message::{Body, Message};
use shared::pattern::{PatternSet, Subject};

const CLIENTS: usize = 100;

/// How often the ways are measured in turn.
const ROUNDS: usize = 40;

/// How long a way is measured before it is the next one's turn.
const TURN: Duration = Duration::from_millis(5);

/// The most that one look may take.
const GOAL: Duration = Duration::from_micros(150);

type Way<'w> = (&'static str, Box<dyn FnMut() -> usize + 'w>);

fn main() {
    let config = config(true);
    let event = event(&config);
    let message = event.message(Along::default());
    // As the fan-out has it from Lambda: the body is a literal of JSON.
    let literal = serde_json::value::to_raw_value(event.body()).expect("text is JSON");
    let literal = Message::new(
        message.group().clone(),
        message.deduplication_id().clone(),
        Body::Literal(&literal),
        message.attributes(),
        None,
    );
    let filters = ClientFilters::new(&config.clients);
    let without = ClientFilters::new(&self::config(false).clients);
    let alone: Vec<PatternSet<()>> = config
        .clients
        .iter()
        .map(|client| PatternSet::new([((), client.filter.as_ref().expect("each has a filter"))]))
        .collect();
    let count =
        |audience: shared::filter::Audience| (0..CLIENTS).filter(|place| audience.includes(*place)).count();
    let one_by_one = || {
        let subject = Subject::from(&event);
        alone.iter().filter(|set| !set.matches(subject).expect("JSON").is_empty()).count()
    };
    let expected = one_by_one();
    let mut ways: [Way<'_>; 4] = [
        ("100 filters one by one", Box::new(one_by_one)),
        ("in one look, an event of the table", Box::new(|| count(filters.of_event(black_box(&event))))),
        (
            "in one look, a message from Lambda's payload",
            Box::new(|| count(filters.of_message(black_box(&literal)))),
        ),
        ("100 clients without a filter", Box::new(|| count(without.of_message(black_box(&literal))))),
    ];
    for (name, way) in &mut ways {
        let wanting = way();
        let all = if name.ends_with("without a filter") { CLIENTS } else { expected };
        assert_eq!(wanting, all, "{name}");
    }
    let mut least = [Duration::MAX; 4];
    for _ in 0..ROUNDS {
        for (least, (_, way)) in least.iter_mut().zip(&mut ways) {
            *least = time(way).min(*least);
        }
    }
    println!(
        "an event of {} bytes, wanted by {expected} of {CLIENTS} clients; the least of {ROUNDS} rounds, the ways in turn\n",
        event.body().len()
    );
    println!("| way | µs | against one by one |");
    println!("| --- | ---: | ---: |");
    let [reference, ..] = least;
    for (least, (name, _)) in least.iter().zip(&ways) {
        let share = least.as_secs_f64() / reference.as_secs_f64();
        println!("| {name} | {:.2} | {share:.3} |", least.as_secs_f64() * 1e6);
    }
    let [_, of_event, of_message, _] = least;
    let is_met = of_event.max(of_message) <= GOAL;
    println!(
        "\nthe goal, {} µs for one look, is {}",
        GOAL.as_micros(),
        if is_met { "met" } else { "missed" }
    );
}

/// The time of one call, over as many as fill a turn.
fn time(way: &mut impl FnMut() -> usize) -> Duration {
    let (start, mut calls) = (Instant::now(), 0_u32);
    while start.elapsed() < TURN {
        for _ in 0..16 {
            black_box(way());
        }
        calls += 16;
    }
    start.elapsed() / calls
}

/// A hundred clients; with filters, no two have the same.
fn config(has_filters: bool) -> Config {
    let mut text = String::from(
        "[source]\npartition_key = 'mark'\nsort_key = 'createTime'\nid = 'eventId'\nname = 'eventName'\n\
         time = 'createTime'\nversion = 'RegistrationNumber.version'\n",
    );
    for client in 0..CLIENTS {
        text += &format!("[[client]]\nname = 'Client{client}'\n");
        if !has_filters {
            continue;
        }
        text += "[client.filter]\n";
        text += &match client % 5 {
            0 => format!("RegistrationNumber.price = [{{ numeric = ['>=', {}] }}]\n", client * 6),
            1 => format!(
                "RegistrationNumber.entitlement.channels = ['email', 'channel{client}']\ncontext = [{{ prefix = 'cor' }}]\n"
            ),
            2 => format!(
                "'$or' = [{{ RegistrationNumber.status = ['S{client}'] }}, {{ RegistrationNumber.history.no = [{client}] }}]\n"
            ),
            3 => format!(
                "RegistrationNumber.entitlement.purchaser.address.town = [{{ wildcard = '*{client}*' }}, 'Swansea']\n"
            ),
            _ => String::new(),
        };
        text += &format!("[client.filter.'$message']\neventName = ['AddressUpdated', 'Event{client}']\n");
        text += &format!("version = [{{ numeric = ['<', {}] }}]\n", 1 + client % 7);
    }
    Config::try_from_toml("client-queues.toml", &text, None).expect("the config is right")
}

/// A mark with its entitlement and its history, in about 2 KB of JSON.
fn event(config: &Config) -> Event {
    let history: Vec<_> = (0..15)
        .map(|no| {
            json!({"M": {
                "no": {"N": no.to_string()},
                "what": {"S": format!("Nominee changed – \"No. {no}\"")},
                "at": {"S": "2025-03-01T09:30:00.123Z"},
                "price": {"N": "299.90"},
            }})
        })
        .collect();
    let address = json!({"M": {
        "line1": {"S": "17 Château Street"}, "line2": {"S": "Flat 3 \"Rear\""}, "town": {"S": "Swansea"},
        "postcode": {"S": "SA99 1ZZ"}, "country": {"NULL": true},
    }});
    let item = json!({
        "eventName": {"S": "AddressUpdated"}, "mark": {"S": "AFC F5"}, "createTime": {"S": "2025-03-01T09:30:00.123Z"},
        "context": {"S": "correspondence"}, "eventId": {"S": "0b8f7bd0-59ef-4b5c-8d1d-0c6a3e6f9a11"},
        "RegistrationNumber": {"M": {
            "type": {"S": "Prefix"}, "version": {"N": "3"}, "price": {"N": "299.90"}, "status": {"S": "Assigned"},
            "transferable": {"BOOL": true}, "history": {"L": history},
            "entitlement": {"M": {
                "nominee": {"S": "Nominee 17 – Zoë"}, "certificateNo": {"N": "20250301000417"},
                "purchaser": {"M": {"name": {"S": "Purchaser 4"}, "address": address}},
                "expiryTime": {"S": "2035-03-01T00:00:00Z"}, "channels": {"SS": ["email", "post"]},
            }},
        }},
    });
    Reader::new(&config.source).read(&item.to_string()).expect("the item is an event")
}
