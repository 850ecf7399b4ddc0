//! Queues that a stack would have to make, but that exist: one text for each reason, whatever the number of queues.

use shared::text::{counted, printable};

use super::{QueueInTheWay, queue_command, queue_name};

/// The text for people, without a line feed at its end: a paragraph for each stack that has some of the queues, for those
/// of clients, and for the stack's own. `option` is the one that names the stack in a command.
pub(super) fn text(kept: &[QueueInTheWay], option: &str) -> String {
    let mut stacks: Vec<(&str, Vec<&QueueInTheWay>)> = Vec::new();
    let (mut clients, mut own) = (Vec::new(), Vec::new());
    for queue in kept {
        match (&queue.stack, &queue.client) {
            (Some(stack), _) => match stacks.iter_mut().find(|(name, _)| name == stack) {
                Some((_, queues)) => queues.push(queue),
                None => stacks.push((stack, vec![queue])),
            },
            (None, Some(client)) => clients.push((client.as_str(), queue)),
            (None, None) => own.push(queue),
        }
    }
    let of_stacks = stacks.iter().map(|(stack, queues)| of_stack(stack, queues));
    let paragraphs = of_stacks.chain(of_clients(&clients, option)).chain(of_own(&own));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn of_stack(stack: &str, queues: &[&QueueInTheWay]) -> String {
    let stack = printable(stack);
    let names: Vec<&str> = queues.iter().map(|queue| queue_name(&queue.arn)).collect();
    let belong = match names.as_slice() {
        [name] => format!("the queue {name} belongs"),
        names => format!("{} belong", counted(names.len(), "queue")),
    };
    let list = if names.len() > 1 { format!(":\n  {}", names.join("\n  ")) } else { String::new() };
    format!(
        "IN THE WAY: {belong} to the stack {stack}. Deploy beside it, under another --prefix; or name that stack, with \
         --stack {stack}{list}"
    )
}

fn of_clients(queues: &[(&str, &QueueInTheWay)], stack: &str) -> Option<String> {
    let (client, first) = queues.first()?;
    let account = &first.account;
    let delete = delete(queues.iter().map(|(_, queue)| *queue));
    if queues.len() == 1 {
        return Some(format!(
            "IN THE WAY: the queue {} of {client} exists already, kept from an earlier deploy; it holds {}. Either\n  \
             - go on with it: give the client {client} the line\n      \
             queue_arn = \"{}\"\n    \
             and name \"{account}\" among source.allowed_accounts; give the queue the policy that\n    \
             fanoutctl policy {client}{stack} prints (its old one went with the client); or\n  \
             - {delete}",
            queue_name(&first.arn),
            holds(first),
            first.arn
        ));
    }
    let lines = queues.iter().map(|(client, queue)| {
        format!(
            "      {client}, whose queue holds {}:\n        queue_arn = \"{}\"\n",
            holds(queue),
            queue.arn
        )
    });
    Some(format!(
        "IN THE WAY: queues of {} exist already, kept from an earlier deploy. Either\n  \
         - go on with them: give each client its line\n{}    \
         and name \"{account}\" among source.allowed_accounts; give each queue the policy that\n    \
         fanoutctl policy CLIENT{stack} prints (its old one went with the client); or\n  \
         - {delete}",
        counted(queues.len(), "client"),
        lines.collect::<String>()
    ))
}

fn of_own(queues: &[&QueueInTheWay]) -> Option<String> {
    let first = queues.first()?;
    let delete = delete(queues.iter().copied());
    let what = if queues.len() == 1 {
        format!(
            "the stack's own queue {} exists already, kept from an earlier deploy or another stack's; it holds {}.",
            queue_name(&first.arn),
            holds(first)
        )
    } else {
        let lines = queues
            .iter()
            .map(|queue| format!("\n  {}, which holds {}", queue_name(&queue.arn), holds(queue)));
        format!(
            "{} of the stack's own queues exist already, kept from an earlier deploy or another stack's:{}\n",
            queues.len(),
            lines.collect::<String>()
        )
    };
    let space = if what.ends_with('\n') { "" } else { " " };
    Some(format!(
        "IN THE WAY: {what}{space}Either\n  \
         - deploy beside it, under another --prefix; or\n  \
         - {delete}"
    ))
}

fn holds(queue: &QueueInTheWay) -> String {
    queue.depth.map_or_else(|| "an unknown number of messages".to_owned(), |depth| depth.to_string())
}

fn delete<'q>(queues: impl Iterator<Item = &'q QueueInTheWay>) -> String {
    let commands: Vec<String> =
        queues.map(|queue| queue_command("delete-queue", &queue.url, queue.endpoint.as_deref())).collect();
    let them = if commands.len() == 1 { "it, with what it holds" } else { "them, with what they hold" };
    format!("delete {them}, and wait 60 s:\n      {}", commands.join("\n      "))
}
