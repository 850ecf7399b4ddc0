//! An object's request and key, the deletion of a group's, and what the answers mean.

use expect_test::{Expect, expect};
use shared::ids::Group;

use super::*;
use crate::kind::tests::{answer, bare, check_like_botocore, erasure, event, home, shown};

fn target() -> S3Target {
    S3Target {
        bucket: "marks".to_owned(),
        account: None,
        prefix: "archive".to_owned(),
        kms_key: Some("arn:aws:kms:eu-west-2:111122223333:key/1".to_owned()),
        deletes_erased: true,
    }
}

#[test]
fn an_object_is_put_as_botocore_puts_it() {
    let request = put(&target(), &home(), &event()).unwrap();
    let (ours, theirs) = check_like_botocore("put_object", request, &[]);
    assert_eq!(String::from_utf8(ours.body).unwrap(), theirs.body);
}

#[test]
fn a_group_is_listed_and_deleted_as_botocore_does_it() {
    check_like_botocore("list_objects_v2", list(&target(), &home(), &erasure()), &[]);
    let keys = [key(&target(), &event()), "archive/a&<b>".to_owned()];
    // What the checksum is stands in its own header.
    let apart = ["x-amz-sdk-checksum-algorithm", "x-amz-checksum-sha256", "content-type"];
    let (ours, theirs) = check_like_botocore("delete_objects", delete(&target(), &home(), &keys), &apart);
    let ours = String::from_utf8(ours.body).unwrap();
    let quiet = "<Quiet>true</Quiet>";
    assert_eq!(ours.replace(quiet, ""), theirs.body.replace(quiet, ""));
    assert!(ours.contains(quiet));
}

#[test]
fn keys_sort_as_versions_do_and_leave_their_folder_by_no_way() {
    let check = |group: &str, id: &str, expected: &str| {
        let group = Group::try_from_sqs(group).unwrap();
        assert_eq!(key(&target(), &Event { group: &group, id, ..event() }), expected);
    };
    check("AFC%20F5", "e-1", "archive/AFC%2520F5/0123456789abcdef/00000000000000000003-e-1.json");
    check("../x", "a/../b c", "archive/..%2Fx/0123456789abcdef/00000000000000000003-a%2F..%2Fb%20c.json");
    check("~ba_", "é", "archive/~ba_/0123456789abcdef/00000000000000000003-%C3%A9.json");
    let target = S3Target { prefix: String::new(), ..target() };
    assert_eq!(key(&target, &bare()), "AFC%2520F5/-/00000000000000000001-e-1.json");
    let long = "x".repeat(KEY_LIMIT);
    let failure = put(&target, &home(), &Event { id: &long, ..event() }).unwrap_err();
    expect!["Event [KeyTooLongError] the object's key would have 1078 bytes, and S3 takes 1024"]
        .assert_eq(&shown(Some(failure)));
}

#[test]
fn what_a_bucket_answers() {
    let xml =
        |code: &str| format!("<Error><Code>{code}</Code><Message>Bucket says no to Zoë</Message></Error>");
    let check = |status, body: &str, expected: Expect| {
        expected.assert_eq(&shown(put_outcome(&answer(status, body), &event(), Timestamp::from_millis(0))));
    };
    check(200, "", expect!["taken"]);
    check(412, &xml("PreconditionFailed"), expect!["taken"]);
    check(
        409,
        &xml("ConditionalRequestConflict"),
        expect!["Transient [ConditionalRequestConflict] 409 ConditionalRequestConflict: Bucket says no to …"],
    );
    check(404, &xml("NoSuchBucket"), expect!["Gone [NoSuchBucket] 404 NoSuchBucket: Bucket says no to …"]);
    check(403, &xml("AccessDenied"), expect!["Target [AccessDenied] 403 AccessDenied: Bucket says no to …"]);
    check(
        400,
        &xml("KMS.DisabledException"),
        expect!["Target [KMS.DisabledException] 400 KMS.DisabledException: Bucket says no to …"],
    );
    check(
        301,
        &xml("PermanentRedirect"),
        expect!["Target [PermanentRedirect] 301 PermanentRedirect: Bucket says no to …"],
    );
    check(
        400,
        &xml("AuthorizationHeaderMalformed"),
        expect![
            "Target [AuthorizationHeaderMalformed] 400 AuthorizationHeaderMalformed: Bucket says no to …"
        ],
    );
    check(
        400,
        &xml("MetadataTooLarge"),
        expect!["Event [MetadataTooLarge] 400 MetadataTooLarge: Bucket says no to …"],
    );
    check(503, &xml("SlowDown"), expect!["Transient [SlowDown] 503 SlowDown: Bucket says no to …"]);
}

#[test]
fn a_list_is_read_as_far_as_it_came_and_a_deletion_to_its_errors() {
    let list = "<ListBucketResult><KeyCount>2</KeyCount><Contents><Key>a%2Fb%2520c+d</Key></Contents><Contents><Key>e</Key></Contents><Contents><Key>f";
    assert_eq!(listed(list.as_bytes()).unwrap(), ["a/b%20c d", "e"]);
    let none = "<ListBucketResult><Prefix>archive%2F</Prefix><KeyCount>0</KeyCount></ListBucketResult>";
    assert_eq!(listed(none.as_bytes()).unwrap(), Vec::<String>::new());
    for unreadable in
        ["", "<ListBucketResult><Key>%zz</Key>", "<ListBucketResult><KeyCount>1</KeyCount><Contents><Key>a"]
    {
        assert_eq!(listed(unreadable.as_bytes()).unwrap_err().kind, FailureKind::Transient, "{unreadable}");
    }
    let check = |status, body: &str, expected: Expect| {
        expected.assert_eq(&shown(delete_outcome(&answer(status, body), Timestamp::from_millis(0))));
    };
    check(200, "<DeleteResult/>", expect!["taken"]);
    check(
        200,
        "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>",
        expect!["Target [AccessDenied] 200 AccessDenied: no"],
    );
    check(503, "<Error><Code>SlowDown</Code></Error>", expect!["Transient [SlowDown] 503 SlowDown"]);
}
