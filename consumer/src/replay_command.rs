//! The command that brings what is missing.

use shared::control::TypedKey;
use shared::ids::Group;
use shared::text::shell_quoted;

/// The command with which an operator sends `client` what it lacks of `group`, from version `from` on.
///
/// The operator's tool takes the aggregate's key, which its group shows but for a very long one: then `KEY` stands for it.
pub fn replay_command(client: &str, group: &str, from: i64) -> String {
    let key = key_of(group).map_or("KEY".to_owned(), |key| shell_quoted(&key));
    // The tool's versions begin at 0.
    format!("fanoutctl replay {} --group {key} --from {}", shell_quoted(client), from.max(0))
}

/// The key as the tool takes it: text, a number, or bytes as base64.
fn key_of(group: &str) -> Option<String> {
    let key = Group::try_from_sqs(group).ok()?.key()?;
    Some(TypedKey::from(&key).as_text().to_owned())
}

#[cfg(test)]
mod tests {
    use shared::ids::Key;

    use super::*;

    #[test]
    fn the_command_names_the_key_as_the_tool_takes_it() {
        let text = |text: &str| Key::S(text.to_owned());
        for (key, from, expected) in [
            (text("AFC F5"), 6, "fanoutctl replay Billing --group 'AFC F5' --from 6"),
            (text("M1"), 0, "fanoutctl replay Billing --group M1 --from 0"),
            (text("Zoë's 100%"), 1, r"fanoutctl replay Billing --group 'Zoë'\''s 100%' --from 1"),
            (text("~n7"), 1, "fanoutctl replay Billing --group '~n7' --from 1"),
            (Key::N("-7.5".to_owned()), 1, "fanoutctl replay Billing --group -7.5 --from 1"),
            (Key::B(vec![0, 255, 62]), 1, "fanoutctl replay Billing --group AP8+ --from 1"),
            (Key::B(vec![255, 254]), 1, "fanoutctl replay Billing --group //4= --from 1"),
            (text(&"long ".repeat(100)), 1, "fanoutctl replay Billing --group KEY --from 1"),
            (text("M1"), -1, "fanoutctl replay Billing --group M1 --from 0"),
        ] {
            assert_eq!(replay_command("Billing", Group::of(&key).as_str(), from), expected);
        }
        for foreign in ["M%2", "M%zz", "%FF"] {
            assert!(replay_command("Billing", foreign, 1).contains(" KEY "), "{foreign}");
        }
    }
}
