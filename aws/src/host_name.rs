//! The hosts of AWS's services, by the rules of their endpoints (botocore's `endpoint-rule-set-1.json` of each service).

use crate::access::Endpoint;

/// The domains of a partition: of its endpoints, and of those for IPv4 and IPv6.
struct Domains {
    plain: &'static str,
    dual_stack: &'static str,
}

/// The host of `service` in `region`, where AWS has it; `None` if there is none: S3 has no FIPS endpoints in China.
pub(crate) fn host_name(service: &str, region: &str, use_fips: bool, use_dual_stack: bool) -> Option<String> {
    let Domains { plain, dual_stack } = domains(region);
    let is_china = region.starts_with("cn-");
    let is_gov = region.starts_with("us-gov-");
    if service == "s3" {
        let fips = if use_fips { "-fips" } else { "" };
        let variant = if use_dual_stack { ".dualstack" } else { "" };
        return (!(use_fips && is_china)).then(|| format!("s3{fips}{variant}.{region}.{plain}"));
    }
    // In GovCloud, endpoints without the word are FIPS endpoints, too.
    let is_unnamed = is_gov
        && (["events", "monitoring"].contains(&service)
            || !use_dual_stack && ["sns", "kinesis", "ssm"].contains(&service));
    let fips = if use_fips && !is_unnamed { "-fips" } else { "" };
    let is_one = service == "secretsmanager" && dual_stack == "api.aws"
        || service == "secretsmanager" && is_china && !use_fips;
    let domain = if use_dual_stack && !is_one { dual_stack } else { plain };
    Some(format!("{service}{fips}.{region}.{domain}"))
}

/// The URL of `service` in `region`, without a slash at its end.
pub(crate) fn url(service: &str, region: &str, endpoint: &Endpoint) -> Option<String> {
    match endpoint {
        Endpoint::Url(url) => Some(url.trim_end_matches('/').to_owned()),
        Endpoint::Aws { use_fips, use_dual_stack } => {
            host_name(service, region, *use_fips, *use_dual_stack).map(|host| format!("https://{host}"))
        }
    }
}

fn domains(region: &str) -> Domains {
    let of = |plain, dual_stack| Domains { plain, dual_stack };
    for (prefix, domains) in [
        ("cn-", of("amazonaws.com.cn", "api.amazonwebservices.com.cn")),
        ("us-isob-", of("sc2s.sgov.gov", "api.aws.scloud")),
        ("us-isof-", of("csp.hci.ic.gov", "api.aws.hci.ic.gov")),
        ("us-iso-", of("c2s.ic.gov", "api.aws.ic.gov")),
        ("eu-isoe-", of("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk")),
        ("eusc-", of("amazonaws.eu", "api.amazonwebservices.eu")),
    ] {
        if region.starts_with(prefix) {
            return domains;
        }
    }
    of("amazonaws.com", "api.aws")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const SERVICES: [&str; 9] =
        ["lambda", "sns", "events", "kinesis", "s3", "secretsmanager", "ssm", "kms", "monitoring"];

    fn check(region: &str, expected: Expect) {
        let mut shown = String::new();
        for (use_fips, use_dual_stack) in [(false, false), (false, true), (true, false), (true, true)] {
            for service in SERVICES {
                let host = host_name(service, region, use_fips, use_dual_stack);
                shown.push_str(host.as_deref().unwrap_or("none"));
                shown.push('\n');
            }
        }
        expected.assert_eq(&shown);
    }

    /// What botocore 1.43.106 answers (30 November 2026).
    #[test]
    fn hosts_are_those_of_the_rule_sets() {
        check(
            "eu-west-2",
            expect![[r#"
                lambda.eu-west-2.amazonaws.com
                sns.eu-west-2.amazonaws.com
                events.eu-west-2.amazonaws.com
                kinesis.eu-west-2.amazonaws.com
                s3.eu-west-2.amazonaws.com
                secretsmanager.eu-west-2.amazonaws.com
                ssm.eu-west-2.amazonaws.com
                kms.eu-west-2.amazonaws.com
                monitoring.eu-west-2.amazonaws.com
                lambda.eu-west-2.api.aws
                sns.eu-west-2.api.aws
                events.eu-west-2.api.aws
                kinesis.eu-west-2.api.aws
                s3.dualstack.eu-west-2.amazonaws.com
                secretsmanager.eu-west-2.amazonaws.com
                ssm.eu-west-2.api.aws
                kms.eu-west-2.api.aws
                monitoring.eu-west-2.api.aws
                lambda-fips.eu-west-2.amazonaws.com
                sns-fips.eu-west-2.amazonaws.com
                events-fips.eu-west-2.amazonaws.com
                kinesis-fips.eu-west-2.amazonaws.com
                s3-fips.eu-west-2.amazonaws.com
                secretsmanager-fips.eu-west-2.amazonaws.com
                ssm-fips.eu-west-2.amazonaws.com
                kms-fips.eu-west-2.amazonaws.com
                monitoring-fips.eu-west-2.amazonaws.com
                lambda-fips.eu-west-2.api.aws
                sns-fips.eu-west-2.api.aws
                events-fips.eu-west-2.api.aws
                kinesis-fips.eu-west-2.api.aws
                s3-fips.dualstack.eu-west-2.amazonaws.com
                secretsmanager-fips.eu-west-2.amazonaws.com
                ssm-fips.eu-west-2.api.aws
                kms-fips.eu-west-2.api.aws
                monitoring-fips.eu-west-2.api.aws
            "#]],
        );
        check(
            "us-gov-west-1",
            expect![[r#"
                lambda.us-gov-west-1.amazonaws.com
                sns.us-gov-west-1.amazonaws.com
                events.us-gov-west-1.amazonaws.com
                kinesis.us-gov-west-1.amazonaws.com
                s3.us-gov-west-1.amazonaws.com
                secretsmanager.us-gov-west-1.amazonaws.com
                ssm.us-gov-west-1.amazonaws.com
                kms.us-gov-west-1.amazonaws.com
                monitoring.us-gov-west-1.amazonaws.com
                lambda.us-gov-west-1.api.aws
                sns.us-gov-west-1.api.aws
                events.us-gov-west-1.api.aws
                kinesis.us-gov-west-1.api.aws
                s3.dualstack.us-gov-west-1.amazonaws.com
                secretsmanager.us-gov-west-1.amazonaws.com
                ssm.us-gov-west-1.api.aws
                kms.us-gov-west-1.api.aws
                monitoring.us-gov-west-1.api.aws
                lambda-fips.us-gov-west-1.amazonaws.com
                sns.us-gov-west-1.amazonaws.com
                events.us-gov-west-1.amazonaws.com
                kinesis.us-gov-west-1.amazonaws.com
                s3-fips.us-gov-west-1.amazonaws.com
                secretsmanager-fips.us-gov-west-1.amazonaws.com
                ssm.us-gov-west-1.amazonaws.com
                kms-fips.us-gov-west-1.amazonaws.com
                monitoring.us-gov-west-1.amazonaws.com
                lambda-fips.us-gov-west-1.api.aws
                sns-fips.us-gov-west-1.api.aws
                events.us-gov-west-1.api.aws
                kinesis-fips.us-gov-west-1.api.aws
                s3-fips.dualstack.us-gov-west-1.amazonaws.com
                secretsmanager-fips.us-gov-west-1.amazonaws.com
                ssm-fips.us-gov-west-1.api.aws
                kms-fips.us-gov-west-1.api.aws
                monitoring.us-gov-west-1.api.aws
            "#]],
        );
        check(
            "cn-north-1",
            expect![[r#"
                lambda.cn-north-1.amazonaws.com.cn
                sns.cn-north-1.amazonaws.com.cn
                events.cn-north-1.amazonaws.com.cn
                kinesis.cn-north-1.amazonaws.com.cn
                s3.cn-north-1.amazonaws.com.cn
                secretsmanager.cn-north-1.amazonaws.com.cn
                ssm.cn-north-1.amazonaws.com.cn
                kms.cn-north-1.amazonaws.com.cn
                monitoring.cn-north-1.amazonaws.com.cn
                lambda.cn-north-1.api.amazonwebservices.com.cn
                sns.cn-north-1.api.amazonwebservices.com.cn
                events.cn-north-1.api.amazonwebservices.com.cn
                kinesis.cn-north-1.api.amazonwebservices.com.cn
                s3.dualstack.cn-north-1.amazonaws.com.cn
                secretsmanager.cn-north-1.amazonaws.com.cn
                ssm.cn-north-1.api.amazonwebservices.com.cn
                kms.cn-north-1.api.amazonwebservices.com.cn
                monitoring.cn-north-1.api.amazonwebservices.com.cn
                lambda-fips.cn-north-1.amazonaws.com.cn
                sns-fips.cn-north-1.amazonaws.com.cn
                events-fips.cn-north-1.amazonaws.com.cn
                kinesis-fips.cn-north-1.amazonaws.com.cn
                none
                secretsmanager-fips.cn-north-1.amazonaws.com.cn
                ssm-fips.cn-north-1.amazonaws.com.cn
                kms-fips.cn-north-1.amazonaws.com.cn
                monitoring-fips.cn-north-1.amazonaws.com.cn
                lambda-fips.cn-north-1.api.amazonwebservices.com.cn
                sns-fips.cn-north-1.api.amazonwebservices.com.cn
                events-fips.cn-north-1.api.amazonwebservices.com.cn
                kinesis-fips.cn-north-1.api.amazonwebservices.com.cn
                none
                secretsmanager-fips.cn-north-1.api.amazonwebservices.com.cn
                ssm-fips.cn-north-1.api.amazonwebservices.com.cn
                kms-fips.cn-north-1.api.amazonwebservices.com.cn
                monitoring-fips.cn-north-1.api.amazonwebservices.com.cn
            "#]],
        );
        check(
            "us-iso-east-1",
            expect![[r#"
                lambda.us-iso-east-1.c2s.ic.gov
                sns.us-iso-east-1.c2s.ic.gov
                events.us-iso-east-1.c2s.ic.gov
                kinesis.us-iso-east-1.c2s.ic.gov
                s3.us-iso-east-1.c2s.ic.gov
                secretsmanager.us-iso-east-1.c2s.ic.gov
                ssm.us-iso-east-1.c2s.ic.gov
                kms.us-iso-east-1.c2s.ic.gov
                monitoring.us-iso-east-1.c2s.ic.gov
                lambda.us-iso-east-1.api.aws.ic.gov
                sns.us-iso-east-1.api.aws.ic.gov
                events.us-iso-east-1.api.aws.ic.gov
                kinesis.us-iso-east-1.api.aws.ic.gov
                s3.dualstack.us-iso-east-1.c2s.ic.gov
                secretsmanager.us-iso-east-1.api.aws.ic.gov
                ssm.us-iso-east-1.api.aws.ic.gov
                kms.us-iso-east-1.api.aws.ic.gov
                monitoring.us-iso-east-1.api.aws.ic.gov
                lambda-fips.us-iso-east-1.c2s.ic.gov
                sns-fips.us-iso-east-1.c2s.ic.gov
                events-fips.us-iso-east-1.c2s.ic.gov
                kinesis-fips.us-iso-east-1.c2s.ic.gov
                s3-fips.us-iso-east-1.c2s.ic.gov
                secretsmanager-fips.us-iso-east-1.c2s.ic.gov
                ssm-fips.us-iso-east-1.c2s.ic.gov
                kms-fips.us-iso-east-1.c2s.ic.gov
                monitoring-fips.us-iso-east-1.c2s.ic.gov
                lambda-fips.us-iso-east-1.api.aws.ic.gov
                sns-fips.us-iso-east-1.api.aws.ic.gov
                events-fips.us-iso-east-1.api.aws.ic.gov
                kinesis-fips.us-iso-east-1.api.aws.ic.gov
                s3-fips.dualstack.us-iso-east-1.c2s.ic.gov
                secretsmanager-fips.us-iso-east-1.api.aws.ic.gov
                ssm-fips.us-iso-east-1.api.aws.ic.gov
                kms-fips.us-iso-east-1.api.aws.ic.gov
                monitoring-fips.us-iso-east-1.api.aws.ic.gov
            "#]],
        );
        check(
            "us-isob-east-1",
            expect![[r#"
                lambda.us-isob-east-1.sc2s.sgov.gov
                sns.us-isob-east-1.sc2s.sgov.gov
                events.us-isob-east-1.sc2s.sgov.gov
                kinesis.us-isob-east-1.sc2s.sgov.gov
                s3.us-isob-east-1.sc2s.sgov.gov
                secretsmanager.us-isob-east-1.sc2s.sgov.gov
                ssm.us-isob-east-1.sc2s.sgov.gov
                kms.us-isob-east-1.sc2s.sgov.gov
                monitoring.us-isob-east-1.sc2s.sgov.gov
                lambda.us-isob-east-1.api.aws.scloud
                sns.us-isob-east-1.api.aws.scloud
                events.us-isob-east-1.api.aws.scloud
                kinesis.us-isob-east-1.api.aws.scloud
                s3.dualstack.us-isob-east-1.sc2s.sgov.gov
                secretsmanager.us-isob-east-1.api.aws.scloud
                ssm.us-isob-east-1.api.aws.scloud
                kms.us-isob-east-1.api.aws.scloud
                monitoring.us-isob-east-1.api.aws.scloud
                lambda-fips.us-isob-east-1.sc2s.sgov.gov
                sns-fips.us-isob-east-1.sc2s.sgov.gov
                events-fips.us-isob-east-1.sc2s.sgov.gov
                kinesis-fips.us-isob-east-1.sc2s.sgov.gov
                s3-fips.us-isob-east-1.sc2s.sgov.gov
                secretsmanager-fips.us-isob-east-1.sc2s.sgov.gov
                ssm-fips.us-isob-east-1.sc2s.sgov.gov
                kms-fips.us-isob-east-1.sc2s.sgov.gov
                monitoring-fips.us-isob-east-1.sc2s.sgov.gov
                lambda-fips.us-isob-east-1.api.aws.scloud
                sns-fips.us-isob-east-1.api.aws.scloud
                events-fips.us-isob-east-1.api.aws.scloud
                kinesis-fips.us-isob-east-1.api.aws.scloud
                s3-fips.dualstack.us-isob-east-1.sc2s.sgov.gov
                secretsmanager-fips.us-isob-east-1.api.aws.scloud
                ssm-fips.us-isob-east-1.api.aws.scloud
                kms-fips.us-isob-east-1.api.aws.scloud
                monitoring-fips.us-isob-east-1.api.aws.scloud
            "#]],
        );
        check(
            "eusc-de-east-1",
            expect![[r#"
                lambda.eusc-de-east-1.amazonaws.eu
                sns.eusc-de-east-1.amazonaws.eu
                events.eusc-de-east-1.amazonaws.eu
                kinesis.eusc-de-east-1.amazonaws.eu
                s3.eusc-de-east-1.amazonaws.eu
                secretsmanager.eusc-de-east-1.amazonaws.eu
                ssm.eusc-de-east-1.amazonaws.eu
                kms.eusc-de-east-1.amazonaws.eu
                monitoring.eusc-de-east-1.amazonaws.eu
                lambda.eusc-de-east-1.api.amazonwebservices.eu
                sns.eusc-de-east-1.api.amazonwebservices.eu
                events.eusc-de-east-1.api.amazonwebservices.eu
                kinesis.eusc-de-east-1.api.amazonwebservices.eu
                s3.dualstack.eusc-de-east-1.amazonaws.eu
                secretsmanager.eusc-de-east-1.api.amazonwebservices.eu
                ssm.eusc-de-east-1.api.amazonwebservices.eu
                kms.eusc-de-east-1.api.amazonwebservices.eu
                monitoring.eusc-de-east-1.api.amazonwebservices.eu
                lambda-fips.eusc-de-east-1.amazonaws.eu
                sns-fips.eusc-de-east-1.amazonaws.eu
                events-fips.eusc-de-east-1.amazonaws.eu
                kinesis-fips.eusc-de-east-1.amazonaws.eu
                s3-fips.eusc-de-east-1.amazonaws.eu
                secretsmanager-fips.eusc-de-east-1.amazonaws.eu
                ssm-fips.eusc-de-east-1.amazonaws.eu
                kms-fips.eusc-de-east-1.amazonaws.eu
                monitoring-fips.eusc-de-east-1.amazonaws.eu
                lambda-fips.eusc-de-east-1.api.amazonwebservices.eu
                sns-fips.eusc-de-east-1.api.amazonwebservices.eu
                events-fips.eusc-de-east-1.api.amazonwebservices.eu
                kinesis-fips.eusc-de-east-1.api.amazonwebservices.eu
                s3-fips.dualstack.eusc-de-east-1.amazonaws.eu
                secretsmanager-fips.eusc-de-east-1.api.amazonwebservices.eu
                ssm-fips.eusc-de-east-1.api.amazonwebservices.eu
                kms-fips.eusc-de-east-1.api.amazonwebservices.eu
                monitoring-fips.eusc-de-east-1.api.amazonwebservices.eu
            "#]],
        );
    }
}
