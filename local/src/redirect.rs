//! The config of `cargo local --push`: what goes to webhooks goes to the receiver on this machine.

use shared::config::{Config, PushTarget};

use crate::ministack::{ACCOUNT, REGION};
use crate::receiver::HOST;

/// The client that is added if no client of the config has a webhook.
pub const CLIENT: &str = "LocalWebhook";

/// The parameter that holds the key by which requests are signed.
pub const PARAMETER: &str = "/cargo-local/webhook";

const WEBHOOK: &str = "[client.push.webhook]";
const OAUTH: &str = "[client.push.webhook.oauth]";
const SOURCE: &str = "[source]";
const HOSTS: &str = "allowed_hosts";

/// The text of a config, which is `config` so far, in which each webhook is the one at the `url` for its client.
///
/// # Errors
///
/// What of the text is written in a way that is not changed here.
pub fn redirected(text: &str, config: &Config, url: impl Fn(&str) -> String) -> Result<String, String> {
    let webhooks = config.clients.iter().filter(|client| {
        client.push.as_ref().is_some_and(|push| matches!(push.target, PushTarget::Webhook(_)))
    });
    let mut webhooks = webhooks.map(|client| client.name.as_str());
    let secret = format!("secret = \"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{PARAMETER}\"");
    let host = format!("{{ host = \"{HOST}\", internal = true }}");
    let has_hosts = text.lines().any(|line| is_key(line, HOSTS));
    let is_pushed = webhooks.clone().next().is_some();

    let (mut changed, mut table, mut name) = (String::new(), "", "");
    let mut add = |line: &str| {
        changed.push_str(line);
        changed.push('\n');
    };
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('[') && !is_continued(table, trimmed) {
            table = trimmed.split('#').next().unwrap_or_default().trim();
            if table == WEBHOOK {
                name = webhooks.next().ok_or_else(|| format!("a table `{WEBHOOK}` belongs to no client"))?;
            }
        }
        match table {
            // Tokens would be had elsewhere.
            OAUTH => {}
            WEBHOOK if is_key(line, "url") => add(&format!("url = \"{}\"", url(name))),
            WEBHOOK if is_key(line, "secret") => add(&secret),
            SOURCE if is_key(line, HOSTS) => add(&line.replacen('[', &format!("[{host}, "), 1)),
            SOURCE if trimmed == SOURCE && !has_hosts => {
                add(line);
                add(&format!("{HOSTS} = [{host}]"));
            }
            _ => add(line),
        }
    }
    if webhooks.next().is_some() {
        return Err(format!("each webhook must be a table `{WEBHOOK}`"));
    }
    if !is_pushed {
        add(&format!("\n[[client]]\nname = \"{CLIENT}\"\n\n{WEBHOOK}\nurl = \"{}\"\n{secret}", url(CLIENT)));
    }
    Ok(changed)
}

/// Whether a line that begins with a bracket is the rest of an array, and no header of a table.
fn is_continued(table: &str, line: &str) -> bool {
    !table.is_empty() && !line.split('#').next().unwrap_or_default().trim().ends_with(']')
}

fn is_key(line: &str, key: &str) -> bool {
    line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const SHIPPED: &str = "[source]\npartition_key = \"mark\"\nsort_key = \"createTime\"\ntime = \"createTime\"\nversion = \"v\"\n";

    fn check(text: &str, expected: Expect) {
        let text = format!("{SHIPPED}{text}");
        let config = Config::try_from_toml("f", &text, None).unwrap();
        let found = redirected(&text, &config, |client| format!("https://localhost:1/{client}"));
        if let Ok(changed) = &found {
            Config::try_from_toml("f", changed, None).unwrap();
        }
        expected.assert_eq(&found.unwrap_or_else(|error| error));
    }

    #[test]
    fn a_config_without_a_webhook_gets_one() {
        check(
            "[[client]]\nname = \"Billing\"\n",
            expect![[r#"
            [source]
            allowed_hosts = [{ host = "localhost", internal = true }]
            partition_key = "mark"
            sort_key = "createTime"
            time = "createTime"
            version = "v"
            [[client]]
            name = "Billing"

            [[client]]
            name = "LocalWebhook"

            [client.push.webhook]
            url = "https://localhost:1/LocalWebhook"
            secret = "arn:aws:ssm:eu-west-2:000000000000:parameter/cargo-local/webhook"
        "#]],
        );
    }

    #[test]
    fn each_webhook_becomes_the_receiver() {
        check(
            "allowed_hosts = [\"hooks.example.com\"]\n[[client]]\nname = \"Billing\"\n[client.push]\non_refused = \"skip\"\n\
             [client.push.webhook] # theirs\nurl = \"https://hooks.example.com/a\"\n\
             secret = \"arn:aws:ssm:eu-west-2:111122223333:parameter/a\"\ntimeout = 5\n\
             [[client]]\nname = \"Tax\"\n[client.push.webhook]\nurl = \"https://hooks.example.com/b\"\n\
             secret = \"arn:aws:ssm:eu-west-2:111122223333:parameter/b\"\n",
            expect![[r#"
                [source]
                partition_key = "mark"
                sort_key = "createTime"
                time = "createTime"
                version = "v"
                allowed_hosts = [{ host = "localhost", internal = true }, "hooks.example.com"]
                [[client]]
                name = "Billing"
                [client.push]
                on_refused = "skip"
                [client.push.webhook] # theirs
                url = "https://localhost:1/Billing"
                secret = "arn:aws:ssm:eu-west-2:000000000000:parameter/cargo-local/webhook"
                timeout = 5
                [[client]]
                name = "Tax"
                [client.push.webhook]
                url = "https://localhost:1/Tax"
                secret = "arn:aws:ssm:eu-west-2:000000000000:parameter/cargo-local/webhook"
            "#]],
        );
    }

    #[test]
    fn another_way_to_write_it_is_refused() {
        check(
            "allowed_hosts = [\"hooks.example.com\"]\n[[client]]\nname = \"Billing\"\n[client.push]\n\
             webhook = { url = \"https://hooks.example.com/a\", secret = \"arn:aws:ssm:eu-west-2:111122223333:parameter/a\" }\n",
            expect!["each webhook must be a table `[client.push.webhook]`"],
        );
    }
}
