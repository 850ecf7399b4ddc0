//! `fanoutctl cost`: what the pipeline costs for the clients of the config, as list prices and measurements say.

use crate::args::CostArguments;
use crate::context::Context;
use crate::cost::{Cost, Load};
use crate::exit::{Exit, Failure};
use crate::prices::Prices;

/// Prints the cost. Asks nobody.
///
/// # Errors
///
/// [`Exit::Config`], with every finding of the config.
pub fn execute(context: &Context, arguments: &CostArguments) -> Result<Exit, Failure> {
    let load = Load {
        events_per_month: arguments.events_per_month,
        size: arguments.size,
        batch: arguments.batch.map(f64::from),
        call_milliseconds: f64::from(arguments.call_milliseconds),
        table_gigabytes: arguments.table_gigabytes,
    };
    let cost = Cost::new(&context.config(None)?, load, &Prices::load()?);
    context.output.print(&cost, Cost::to_text)?;
    Ok(Exit::Done)
}
