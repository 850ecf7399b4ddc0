//! The pipeline through the real template: complete, in order, once, whatever dies.

use local::run::{self, Input, Load};
use local::stack::{Extras, Stack};

use crate::support::{Killer, assert_complete, incarnations, stack};

#[tokio::test(flavor = "multi_thread")]
async fn every_event_reaches_every_client_in_order() -> anyhow::Result<()> {
    let stack = stack("pipeline", Extras::default()).await?;
    let expected = incarnations(50, 20);
    let outcome = run::run(&stack, &expected, Input::Events, Load::Burst, &|_| ()).await?;
    assert_complete(&outcome, &expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converter_that_is_killed_loses_and_repeats_nothing() -> anyhow::Result<()> {
    check_killed(stack("pipeline", Extras::default()).await?, "ProcessDynamoDBStream").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_that_is_killed_loses_and_repeats_nothing() -> anyhow::Result<()> {
    check_killed(stack("pipeline", Extras::default()).await?, "FanOut").await
}

async fn check_killed(stack: Stack, function: &'static str) -> anyhow::Result<()> {
    let expected = incarnations(50, 20);
    let killer = Killer::new(&stack, function);
    let outcome = run::run(&stack, &expected, Input::Events, Load::Burst, &|step| killer.step(step)).await?;
    assert!(killer.has_killed(), "`{function}` was never killed in the middle of its work");
    assert_complete(&outcome, &expected);
    Ok(())
}
