//! What the functions that deliver to targets may reach, as a stack's parameters list it.

use shared::config::{Config, PushLists};

use crate::clients::listed;

/// The parameters that list secrets and targets. `partition` is the stack's: ARNs of buckets name it.
pub fn target_parameters(config: &Config, partition: &str) -> [(&'static str, String); 8] {
    let PushLists { secrets, parameters, functions, topics, buses, streams, bucket_objects, buckets } =
        config.push_lists(partition);
    [
        ("PushSecretArns", listed(&secrets)),
        ("PushParameterArns", listed(&parameters)),
        ("PushFunctionArns", listed(&functions)),
        ("PushTopicArns", listed(&topics)),
        ("PushBusArns", listed(&buses)),
        ("PushStreamArns", listed(&streams)),
        ("PushBucketObjects", listed(&bucket_objects)),
        ("PushBuckets", listed(&buckets)),
    ]
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_push_reaches_is_listed_by_kind() {
        let source = "[source]\npartition_key = 'k'\nsort_key = 's'\nversion = 'v'\nallowed_accounts = ['111122223333']\n\
                      allowed_hosts = ['a.example']\n";
        let found = |clients: &str| {
            let config = Config::try_from_toml("f", &format!("{source}{clients}"), None).unwrap();
            let lines = target_parameters(&config, "aws-cn").map(|(name, value)| format!("{name}={value}\n"));
            lines.concat()
        };
        assert!(found("[[client]]\nname = 'A'\n").lines().all(|line| line.ends_with("=0")));
        expect![[r#"
            PushSecretArns=arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:b-AbCdEf
            PushParameterArns=arn:aws-cn:ssm:cn-north-1:111122223333:parameter/a
            PushFunctionArns=arn:aws-cn:lambda:cn-north-1:111122223333:function:f:live
            PushTopicArns=0
            PushBusArns=0
            PushStreamArns=0
            PushBucketObjects=arn:aws-cn:s3:::our-events/e/*,arn:aws-cn:s3:::our-events/f/*
            PushBuckets=arn:aws-cn:s3:::our-events
        "#]]
        .assert_eq(&found(
            "[[client]]\nname = 'A'\n[client.push.webhook]\nurl = 'https://a.example/a'\n\
             secret = 'arn:aws-cn:ssm:cn-north-1:111122223333:parameter/a'\n\
             [[client]]\nname = 'B'\n[client.push.webhook]\nurl = 'https://a.example/b'\n\
             secret = 'arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:b-AbCdEf'\n\
             [[client]]\nname = 'C'\n[[client]]\nname = 'D'\n[client.push.lambda]\n\
             function = 'arn:aws-cn:lambda:cn-north-1:111122223333:function:f:live'\n\
             [[client]]\nname = 'E'\n[client.push.s3]\nbucket = 'our-events'\nprefix = 'e'\n\
             [[client]]\nname = 'F'\n[client.push.s3]\nbucket = 'our-events'\nprefix = 'f'\n",
        ));
    }
}
