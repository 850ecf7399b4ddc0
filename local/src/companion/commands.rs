//! The commands that new marks get.

use serde_json::{Value, json};

use shared::ids::{Group, Key};

use crate::marks::{mark, town};

/// A command to the companion, which makes an event of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The mark that it is about.
    pub mark: String,
    /// The version that the mark has after it.
    pub version: usize,
    /// `POST` or `PUT`.
    pub method: &'static str,
    /// The route, percent-encoded.
    pub path: String,
    /// JSON, or nothing.
    pub body: String,
}

/// `events` commands to each of `marks` new marks: all first ones, then all second ones, and so on.
pub fn commands(marks: usize, events: usize) -> Vec<Command> {
    (1..=events).flat_map(|version| (0..marks).map(move |number| command(number, version))).collect()
}

/// A mark as a path has it. (Its group is its key, percent-encoded.)
pub fn in_path(mark: &str) -> Group {
    Group::of(&Key::S(mark.to_owned()))
}

fn command(number: usize, version: usize) -> Command {
    let mark = mark(number);
    let post_code = "AA9 9AA";
    let nominee = || format!("Nominee {number} – Größe {version}");
    let address = || {
        let line = format!("{version} “Old Mill” Lane");
        json!({ "addressLine1": line, "addressLine2": town(number), "postCode": post_code })
    };
    let entitlement = |path: &str| format!("/mark/v1/entitlement{path}");
    let (method, path, body) = match version {
        1 => {
            let price = 299.9 + (number % 7) as f64 * 100.0;
            let body =
                json!({ "mark": mark, "price": price, "nomineeName": nominee(), "address": address() });
            ("POST", entitlement(""), body)
        }
        _ => match version % 8 {
            2 => ("PUT", entitlement("/address"), json!({ "mark": mark, "address": address() })),
            3 | 7 => ("PUT", entitlement("/nominee"), json!({ "mark": mark, "nomineeName": nominee() })),
            0 | 4 => ("PUT", format!("/mark/v1/lock/{}", in_path(&mark)), Value::Null),
            1 | 5 => ("PUT", format!("/mark/v1/unlock/{}", in_path(&mark)), Value::Null),
            _ => ("PUT", entitlement(&format!("/certificate/{}", in_path(&mark))), Value::Null),
        },
    };
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Command { mark, version, method, path, body }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_mark_is_created_and_changed_and_never_while_it_is_locked() {
        let all = commands(2, 9);
        let listed = all.iter().filter(|command| command.mark == "X1 ABC");
        let listed: Vec<String> =
            listed.map(|command| format!("{} {} {}", command.method, command.path, command.body)).collect();
        expect![[r#"
            POST /mark/v1/entitlement {"address":{"addressLine1":"1 “Old Mill” Lane","addressLine2":"Pen Llŷn","postCode":"AA9 9AA"},"mark":"X1 ABC","nomineeName":"Nominee 1 – Größe 1","price":399.9}
            PUT /mark/v1/entitlement/address {"address":{"addressLine1":"2 “Old Mill” Lane","addressLine2":"Pen Llŷn","postCode":"AA9 9AA"},"mark":"X1 ABC"}
            PUT /mark/v1/entitlement/nominee {"mark":"X1 ABC","nomineeName":"Nominee 1 – Größe 3"}
            PUT /mark/v1/lock/X1%20ABC 
            PUT /mark/v1/unlock/X1%20ABC 
            PUT /mark/v1/entitlement/certificate/X1%20ABC 
            PUT /mark/v1/entitlement/nominee {"mark":"X1 ABC","nomineeName":"Nominee 1 – Größe 7"}
            PUT /mark/v1/lock/X1%20ABC 
            PUT /mark/v1/unlock/X1%20ABC "#]].assert_eq(&listed.join("\n"));
        assert_eq!(all.iter().take(2).map(|command| command.version).collect::<Vec<_>>(), [1, 1]);
    }
}
