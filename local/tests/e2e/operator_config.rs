//! From an event table to a config that can be deployed, through `fanoutctl` alone: `init`, `client add`,
//! `client remove`.

use std::fs;
use std::path::PathBuf;

use aws::operator::table::of_stream;
use expect_test::{Expect, expect};
use local::ministack::ACCOUNT;
use local::{marks, write};
use shared::config::Config;

use crate::support::{SOURCE, START, fanoutctl, ground};

#[tokio::test(flavor = "multi_thread")]
async fn a_config_is_written_for_the_table_and_gets_its_clients() -> anyhow::Result<()> {
    let ground = ground("operator-config").await?;
    let table = of_stream(ground.stream_arn()).map_err(anyhow::Error::msg)?;
    // More than one page.
    let events = marks::histories(60, 5, START);
    write::write_all(&ground.connection().target(ACCOUNT), &events, &|_| ()).await?;

    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("operator-config.toml");
    let _ = fs::remove_file(&config);
    let run = |arguments: &[&str], expected: Expect| -> anyhow::Result<()> {
        let output = fanoutctl(&ground, &config, arguments)?.output()?;
        let file = config.display().to_string();
        let text = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
        let text = text.replace(&file, "CONFIG").replace(ground.stream_arn(), "STREAM_ARN");
        // What a new stack's plan says, or that it needs a stream, is tested elsewhere.
        let plan = ["\n\nStack mark-event-queue", "\n\nno plan: "].iter().find_map(|start| text.find(start));
        assert_eq!(plan.is_some(), arguments.first() == Some(&"client"), "{text}");
        let said = plan.and_then(|plan| text.get(..plan)).unwrap_or(&text);
        expected.assert_eq(&format!("exit {}\n{said}", output.status.code().unwrap_or(-1)));
        Ok(())
    };
    run(
        &["init", "--table", table],
        expect![[r#"
        exit 0
        table `RegistrationNumberEvent`: 300 items, as new ones: 300 events, 0 passed over, 0 rejected

        sort key  events  passed over  rejected
        (other)      300            0         0

        one of the events as a message
          partition key  13 XYZ
          sort key       2026-01-05T09:00:00.013Z
          group          13%20XYZ
          version        1
          time           2026-01-05T09:00:00.013Z
          id             c4ca37b7-f8ad-4aff-9424-e3deaf36a071
          size           621 bytes
          attributes
            eventId      c4ca37b7-f8ad-4aff-9424-e3deaf36a071 (String)
            eventName    EntitlementCreatedEvent (String)
            eventTime    2026-01-05T09:00:00.013Z (String)
            version      1 (Number)

        CONFIG is written. Look at each line of it, then
          fanoutctl deploy --stream-arn STREAM_ARN --config CONFIG
        A stack serves one table. If there is one for another table, add --stack NAME --prefix PREFIX.
    "#]],
    )?;

    // It reads the table as the companion API's own config does.
    let read = |text: &str| Config::try_from_toml("client-queues.toml", text, None);
    let written = read(&fs::read_to_string(&config)?)?;
    let shipped = read(&format!("{SOURCE}[[client]]\nname = \"Example\"\n"))?;
    assert_eq!(written, shipped);

    run(
        &["client", "add", "Parking", "--history"],
        expect![[r#"
        exit 0
        CONFIG: client Parking is added; it is served after a deploy"#]],
    )?;
    run(
        &["client", "remove", "Example"],
        expect![[r#"
        exit 0
        CONFIG: client Example is removed; after a deploy nothing more is sent to it
        Its queue stays, with what is in it, for its consumer to empty. An hour after the deploy the client is retired: what it lacks is forgotten, and one that is added again then is a new client."#]],
    )?;
    let names: Vec<String> =
        read(&fs::read_to_string(&config)?)?.clients.iter().map(|client| client.name.to_string()).collect();
    assert_eq!(names, ["Parking"]);
    Ok(())
}
