use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::ses::{mail, send};
use crate::stage::{Hooks, NUMBER, Running, Stage};
use crate::whatsapp::template;

#[tokio::test]
async fn reports_that_are_due_later_go_out_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::open_in(Some(folder.path())).await;
    stage.running.behave(&json!({"provider": "twilio", "callback": {"delay_ms": 1_500}})).await;
    let sid = stage.sms_to("+447700900123", "").await;
    stage.running.stop().await;
    assert_eq!(stage.hooks.left(|call| call.target.starts_with("/status")), 0);

    let running = Running::start(Some(folder.path()), &stage.hooks.url).await;
    for _ in 0..2 {
        assert_eq!(stage.hooks.take_path("/status").await.field("MessageSid"), sid);
    }
    let items = running.ledger().await;
    assert_eq!(items.len(), 1);
    running.stop().await;

    // What was made is not made again.
    let running = Running::start(Some(folder.path()), &stage.hooks.url).await;
    let stage = &mut Stage { hooks: stage.hooks, running };
    stage.running.behave(&json!({"provider": "twilio", "callback": {"delay_ms": 0}})).await;
    stage.sms_to("+447700900124", "").await;
    stage.hooks.take(|call| call.field("MessageStatus") == "delivered").await;
    assert_eq!(stage.hooks.left(|call| call.field("MessageSid") == sid), 0);
}

#[tokio::test]
async fn reports_of_every_provider_and_what_readers_do_go_out_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::open_in(Some(folder.path())).await;
    stage.confirm_subscription().await;
    for provider in ["twilio", "whatsapp", "ses"] {
        stage.running.behave(&json!({"provider": provider, "callback": {"delay_ms": 1_000}})).await;
    }
    let link = format!("List-Unsubscribe: <{}/leave/1>\r\n", stage.hooks.url);
    let one_click = format!("{link}List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
    send(&stage.running, &mail("ann0004@example.com", &one_click)).await.unwrap();
    stage.sms_to("+447700900004", "").await;
    assert_eq!(stage.running.whatsapp(&template("+447700900123")).await.unwrap().0, 200);
    stage.running.stop().await;

    let running = Running::start(Some(folder.path()), &stage.hooks.url).await;
    for path in
        ["/webhooks/ses", "/webhooks/ses", "/status", "/status", "/webhooks/whatsapp/demo", "/leave/1"]
    {
        stage.hooks.take_path(path).await;
    }
    stage.hooks.take(|call| call.field("Body") == "STOP").await;
    running.stop().await;
}

#[tokio::test]
async fn an_opt_out_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::open_in(Some(folder.path())).await;
    let stop = json!({"channel": "sms", "from": "+447700900123", "to": NUMBER, "text": "stop"});
    assert_eq!(stage.running.inbound(&stop).await.0, 200);
    stage.running.stop().await;
    let running = Running::start(Some(folder.path()), &stage.hooks.url).await;
    let (status, body) =
        running.sms(&[("To", "+447700900123"), ("From", NUMBER), ("Body", "Hi")]).await.unwrap();
    assert_eq!((status, &body["code"]), (400, &json!(21610)));
}

/// Tells the process of the test below what it is; the test itself runs without it.
const CHILD: &str = "SIMULATORS_TEST_CHILD";

/// Not a test of its own: the process that is killed. It serves until then, and prints where.
#[tokio::test]
#[ignore = "started by the test below"]
async fn child() {
    let Some(arguments) = std::env::var_os(CHILD).and_then(|value| value.into_string().ok()) else { return };
    let (folder, hooks_url) = arguments.split_once(' ').unwrap();
    let running = Running::start(Some(Path::new(folder)), hooks_url).await;
    println!("\nserving {}", running.url);
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_a_kill_is_on_record_and_reported_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut hooks = Hooks::open().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "restart::child", "--nocapture"])
        .env(CHILD, format!("{} {}", folder.path().display(), hooks.url))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("serving ").map(str::to_owned))
        .unwrap();

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let endpoint = format!("{url}/twilio/2010-04-01/Accounts/{}/Messages.json", crate::stage::ACCOUNT);
    let callback =
        format!("{}/status%23rc%3D5%26rp%3Dall", hooks.url.replace(':', "%3A").replace('/', "%2F"));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let (http, endpoint, callback) = (http.clone(), endpoint.clone(), callback.clone());
            tokio::spawn(async move {
                let mut answered = Vec::new();
                for n in 0.. {
                    let body = format!(
                        "To=%2B44770{client}{n:05}9&From=%2B15005550006&Body=Hi&StatusCallback={callback}"
                    );
                    let request = http
                        .post(&endpoint)
                        .basic_auth(crate::stage::ACCOUNT, Some(crate::stage::AUTH_TOKEN));
                    let Ok(response) = request.body(body).send().await else { break };
                    let Ok(body) = response.json::<serde_json::Value>().await else { break };
                    answered.push(body["sid"].as_str().unwrap().to_owned());
                }
                answered
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(700)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let mut answered = Vec::new();
    for client in clients {
        answered.extend(client.await.unwrap());
    }
    assert!(answered.len() > 20, "{}", answered.len());

    let running = Running::start(Some(folder.path()), &hooks.url).await;
    let items = running.ledger().await;
    for sid in &answered {
        assert!(
            items.iter().any(|item| item["provider_message_id"] == *sid),
            "{sid} was answered and is not on record"
        );
        hooks
            .take(|call| call.field("MessageSid") == *sid && call.field("MessageStatus") == "delivered")
            .await;
    }
}
