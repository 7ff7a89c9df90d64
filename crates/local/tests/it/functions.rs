//! Processes over the Lambda Runtime API, with a real binary on `lambda_runtime`.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use crate::support::{eventually, invoke, pool, probe, runs};
use local::functions::InvokeError;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_invocation_is_answered_and_the_process_stays_warm() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 2, TIMEOUT);
    assert_eq!(invoke(&pool, json!({"hello": 1})).await.unwrap(), json!({"hello": 1}));
    let first = invoke(&pool, json!({"do": "pid"})).await.unwrap();
    let second = invoke(&pool, json!({"do": "pid"})).await.unwrap();
    assert_eq!(first, second);
    let context = invoke(&pool, json!({"do": "context"})).await.unwrap();
    assert_eq!(context["arn"], "arn:aws:lambda:us-east-1:000000000000:function:probe");
    assert!(context["deadline"].as_i64().unwrap() > local::clock::now().timestamp_millis());
    pool.stop(TIMEOUT).await;
}

#[tokio::test]
async fn invocations_run_beside_each_other_up_to_the_maximum() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 2, TIMEOUT);
    pool.warm().await.unwrap();
    let start = std::time::Instant::now();
    let all = (0..4).map(|_| invoke(&pool, json!({"do": "sleep", "ms": 300})));
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(answer.unwrap(), "slept");
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(600), "more than two ran at once: {took:?}");
    pool.stop(TIMEOUT).await;
}

#[tokio::test]
async fn an_error_or_a_panic_fails_the_invocation_and_the_process_goes_on() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 1, TIMEOUT);
    let before = invoke(&pool, json!({"do": "pid"})).await.unwrap();
    for what in ["fail", "panic"] {
        match invoke(&pool, json!({ "do": what })).await {
            Err(InvokeError::Function { message, .. }) => {
                assert!(message.contains("as it was told"), "{message}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    assert_eq!(invoke(&pool, json!({"do": "pid"})).await.unwrap(), before);
    pool.stop(TIMEOUT).await;
}

#[tokio::test]
async fn a_crash_fails_its_invocation_and_the_next_gets_a_new_process() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 1, TIMEOUT);
    let before = invoke(&pool, json!({"do": "pid"})).await.unwrap();
    match invoke(&pool, json!({"do": "exit"})).await {
        Err(error @ InvokeError::Crashed { .. }) => {
            assert!(error.to_string().contains("exit status: 7"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_ne!(invoke(&pool, json!({"do": "pid"})).await.unwrap(), before);
    pool.stop(TIMEOUT).await;
}

#[tokio::test]
async fn a_process_that_was_killed_while_idle_is_replaced() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 1, TIMEOUT);
    let pid = invoke(&pool, json!({"do": "pid"})).await.unwrap().as_i64().unwrap();
    let process = Pid::from_raw(i32::try_from(pid).unwrap());
    kill(process, Signal::SIGKILL).unwrap();
    eventually("it is gone", || kill(process, None).is_err()).await;
    assert_ne!(invoke(&pool, json!({"do": "pid"})).await.unwrap(), json!(pid));
    pool.stop(TIMEOUT).await;
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_is_killed_with_its_process() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 1, Duration::from_millis(500));
    let pid = invoke(&pool, json!({"do": "pid"})).await.unwrap().as_u64().unwrap();
    let outcome = invoke(&pool, json!({"do": "sleep", "ms": 60_000})).await;
    assert!(matches!(outcome, Err(InvokeError::TimedOut { .. })), "{outcome:?}");
    assert!(!runs(pid));
    assert_eq!(invoke(&pool, json!({"again": true})).await.unwrap(), json!({"again": true}));
    pool.stop(TIMEOUT).await;
}

#[tokio::test]
async fn an_answer_above_lambdas_quota_is_an_error() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 1, TIMEOUT);
    match invoke(&pool, json!({"do": "large"})).await {
        Err(InvokeError::Function { kind, .. }) => assert_eq!(kind, "Function.ResponseSizeTooLarge"),
        other => panic!("{other:?}"),
    }
    pool.stop(TIMEOUT).await;
}

#[tokio::test]
async fn a_binary_that_does_not_start_is_named_with_its_last_words_and_not_tried_at_once_again() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("broken");
    std::fs::write(
        &script,
        "#!/bin/sh\necho tried >> \"$0.tries\"\necho TABLE_DIRECTORY is missing >&2\nexit 3\n",
    )
    .unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let pool = pool(&script, folder.path(), 1, TIMEOUT);
    for _ in 0..3 {
        let error = invoke(&pool, json!({})).await.unwrap_err();
        assert!(matches!(error, InvokeError::Init { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("probe does not start") && text.contains("TABLE_DIRECTORY is missing"),
            "{text}"
        );
    }
    let tries = std::fs::read_to_string(folder.path().join("broken.tries")).unwrap();
    assert_eq!(tries.lines().count(), 1);
}

#[tokio::test]
async fn a_missing_binary_is_named() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&logs.path().join("nowhere"), logs.path(), 1, TIMEOUT);
    let text = invoke(&pool, json!({})).await.unwrap_err().to_string();
    assert!(text.contains("nowhere"), "{text}");
}

#[tokio::test]
async fn stopping_waits_for_what_is_under_way_and_then_ends_every_process() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 1, TIMEOUT);
    let pid = invoke(&pool, json!({"do": "pid"})).await.unwrap().as_u64().unwrap();
    let (answer, ()) = tokio::join!(invoke(&pool, json!({"do": "sleep", "ms": 300})), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        pool.stop(TIMEOUT).await;
    });
    assert_eq!(answer.unwrap(), "slept");
    eventually("the process has ended", || !runs(pid)).await;
    assert_eq!(invoke(&pool, json!({})).await, Err(InvokeError::Stopped));
}

#[tokio::test]
async fn an_invocation_outlives_its_caller_but_not_the_grace_of_a_stop() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 1, TIMEOUT);
    let pid = invoke(&pool, json!({"do": "pid"})).await.unwrap().as_u64().unwrap();
    let event = invoke(&pool, json!({"do": "sleep", "ms": 60_000}));
    assert!(tokio::time::timeout(Duration::from_millis(200), event).await.is_err());
    assert!(runs(pid));
    pool.stop(Duration::from_millis(100)).await;
    eventually("the process has ended", || !runs(pid)).await;
}

#[tokio::test]
async fn output_goes_to_the_log_and_the_environment_is_what_was_given() {
    let logs = tempfile::tempdir().unwrap();
    let pool = pool(&probe(), logs.path(), 1, TIMEOUT);
    let environment = invoke(&pool, json!({"do": "env"})).await.unwrap();
    let names: Vec<&str> = environment.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_RUNTIME_API",
    ];
    assert_eq!(names, expected);
    let log = logs.path().join("probe.log");
    eventually("the log has the line", || std::fs::read_to_string(&log).unwrap().contains("probe starts"))
        .await;
    pool.stop(TIMEOUT).await;
}
