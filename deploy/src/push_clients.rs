//! Push clients, as a stack's parameters list them: by name and, because a role's rights name each queue, and a template can't
//! make ARNs of a list of names, by their queue's ARN.

use shared::config::{Client, Config};
use shared::naming::Naming;

use crate::clients::listed;

/// The template's word for no push client: its loops can't have an empty list, and what they make for this word refers to a
/// queue that the template has besides.
const NO_CLIENT: &str = "00";

/// The parameters that list the clients whose events go to webhooks, and those whose events go to targets in AWS.
pub fn client_parameters(config: &Config, naming: &Naming) -> [(&'static str, String); 4] {
    let clients = |is_web: bool| -> Vec<&Client> {
        let is_here =
            |client: &&Client| client.push.as_ref().is_some_and(|push| push.target.is_web() == is_web);
        config.clients.iter().filter(is_here).collect()
    };
    let names = |clients: &[&Client]| match clients {
        [] => NO_CLIENT.to_owned(),
        clients => listed(&clients.iter().map(|client| client.name.to_string()).collect::<Vec<_>>()),
    };
    let arns = |clients: &[&Client]| {
        listed(&clients.iter().map(|client| client.queue_arn(naming).to_string()).collect::<Vec<_>>())
    };
    let (http, aws) = (clients(true), clients(false));
    [
        ("PushHttpClients", names(&http)),
        ("PushHttpQueueArns", arns(&http)),
        ("PushAwsClients", names(&aws)),
        ("PushAwsQueueArns", arns(&aws)),
    ]
}

#[cfg(test)]
mod tests {
    use shared::config::{
        LambdaTarget, OnRefused, Push, PushTarget, SecretArn, TargetArn, WebUrl, WebhookTarget,
    };

    use super::*;

    #[test]
    fn each_function_s_clients_are_listed() {
        let text = "[source]\npartition_key = 'k'\nsort_key = 's'\ntime = 't'\nversion = 'v'\n\
                    [[client]]\nname = 'A'\n[[client]]\nname = 'B'\n[[client]]\nname = 'C'\n[[client]]\nname = 'D'\n";
        let mut config = Config::try_from_toml("f", text, None).unwrap();
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "test-").unwrap();
        let check = |config: &Config, expected: [&str; 2]| {
            let values = client_parameters(config, &naming).map(|(_, value)| value);
            let [http, aws] = expected.map(|names| {
                let arn =
                    |name| format!("arn:aws:sqs:eu-west-2:111122223333:test-MarkFanOutClient{name}.fifo");
                let arns: Vec<String> = names.split_whitespace().map(arn).collect();
                if arns.is_empty() {
                    ["00".to_owned(), "0".to_owned()]
                } else {
                    [names.replace(' ', ","), arns.join(",")]
                }
            });
            assert_eq!(values.as_slice(), [http, aws].as_flattened());
        };
        check(&config, ["", ""]);

        let url =
            WebUrl { host: "h.example".into(), port: 443, path_and_query: "/".into(), is_internal: false };
        let webhook = PushTarget::Webhook(WebhookTarget {
            url,
            secret: SecretArn::Parameter("arn".into()),
            timeout: std::time::Duration::from_secs(15),
            headers: Vec::new(),
            oauth: None,
        });
        let arn = TargetArn {
            partition: "aws".into(),
            region: "eu-west-2".into(),
            account: "111122223333".into(),
            resource: "function:f".into(),
            text: "arn".into(),
        };
        let lambda = PushTarget::Lambda(LambdaTarget { function: arn, batch: false });
        for (index, target) in [(0, &webhook), (2, &webhook), (3, &lambda)] {
            let push = Push { target: target.clone(), give_up_after: None, on_refused: OnRefused::Hold };
            config.clients[index].push = Some(push);
        }
        check(&config, ["A C", "D"]);
    }
}
