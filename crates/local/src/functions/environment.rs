//! The environment of a function's processes: what Lambda sets, what the template sets, where the engines are.

use std::{collections::BTreeMap, path::PathBuf};

use crate::template::{ACCOUNT, Function, REGION};

/// What every function on this machine has around it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The public address of the stack, as in `http://127.0.0.1:3000`.
    pub base_url: String,
    /// Where the simulated providers are.
    pub providers_url: String,
    /// Where DynamoDB is.
    pub dynamodb_url: String,
    /// Where SQS is.
    pub sqs_url: String,
    /// The file that stands for Secrets Manager.
    pub secrets_file: PathBuf,
    /// What the person who started the stack chose for functions, such as `TWILIO_BASE_URL`; wins over everything.
    pub chosen: BTreeMap<String, String>,
}

/// Variables of the parent that a process needs in order to run at all. Everything else stays outside, so that a
/// function sees here what it would see in Lambda.
const INHERITED: &[&str] = &["PATH", "HOME", "TMPDIR", "RUST_BACKTRACE"];
/// Providers that a person may point elsewhere.
const CHOOSABLE: &[&str] = &["TWILIO_BASE_URL", "WHATSAPP_BASE_URL"];

impl Surroundings {
    /// The provider addresses that this process was started with.
    pub fn chosen_by_user() -> BTreeMap<String, String> {
        CHOOSABLE.iter().filter_map(|name| inherited(name)).collect()
    }
}

fn inherited(name: &str) -> Option<(String, String)> {
    std::env::var_os(name).and_then(|value| value.into_string().ok()).map(|value| (name.to_owned(), value))
}

/// All variables of one function's processes, but for `AWS_LAMBDA_RUNTIME_API`.
pub fn worker_environment(function: &Function, around: &Surroundings) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = INHERITED.iter().filter_map(|name| inherited(name)).collect();
    all.extend(function.environment.clone());
    let (base, providers) = (&around.base_url, &around.providers_url);
    let host = base.split_once("://").map_or(base.as_str(), |(_, host)| host);
    let set = [
        // What Lambda sets: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        // Nobody checks it: it tells the engine's watchers who calls.
        ("AWS_ACCESS_KEY_ID", function.package.clone()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("AWS_ACCOUNT_ID", ACCOUNT.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("TZ", ":UTC".to_owned()),
        // Where AWS and the providers are on this machine.
        ("AWS_ENDPOINT_URL_DYNAMODB", around.dynamodb_url.clone()),
        ("AWS_ENDPOINT_URL_SQS", around.sqs_url.clone()),
        ("AWS_ENDPOINT_URL_SES", format!("{providers}/ses")),
        ("TWILIO_BASE_URL", format!("{providers}/twilio")),
        ("WHATSAPP_BASE_URL", format!("{providers}/whatsapp")),
        ("SECRETS_FILE", around.secrets_file.display().to_string()),
        ("PUBLIC_BASE_URL", base.clone()),
        ("SNS_CERT_HOST", host.to_owned()),
    ];
    all.extend(set.map(|(name, value)| (name.to_owned(), value)));
    if let Some(level) = &function.log_level {
        all.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.clone());
    }
    all.extend(around.chosen.clone());
    all
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn function() -> Function {
        Function {
            id: "DispatchSms".into(),
            name: "tidings-local-dispatch-sms".into(),
            package: "dispatch-sms".into(),
            timeout: Duration::from_secs(30),
            memory_mb: 256,
            reserved_concurrency: None,
            log_level: Some("INFO".into()),
            environment: BTreeMap::from([
                ("TABLE_DIRECTORY".to_owned(), "directory".to_owned()),
                ("TWILIO_BASE_URL".to_owned(), "https://api.twilio.com".to_owned()),
            ]),
            queues: vec![],
            schedules: vec![],
        }
    }

    fn around() -> Surroundings {
        Surroundings {
            base_url: "http://127.0.0.1:3000".into(),
            providers_url: "http://127.0.0.1:3".into(),
            dynamodb_url: "http://127.0.0.1:1".into(),
            sqs_url: "http://127.0.0.1:2".into(),
            secrets_file: "/data/secrets.json".into(),
            chosen: BTreeMap::new(),
        }
    }

    #[test]
    fn providers_are_the_simulators_unless_somebody_chose_others() {
        assert_eq!(
            worker_environment(&function(), &around())["TWILIO_BASE_URL"],
            "http://127.0.0.1:3/twilio"
        );
        let mut around = around();
        around.chosen.insert("TWILIO_BASE_URL".into(), "http://twin".into());
        assert_eq!(worker_environment(&function(), &around)["TWILIO_BASE_URL"], "http://twin");
    }

    #[test]
    fn the_template_and_lambda_fill_the_rest_and_nothing_else_comes_in() {
        let environment = worker_environment(&function(), &around());
        assert_eq!(environment["TABLE_DIRECTORY"], "directory");
        assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "tidings-local-dispatch-sms");
        assert_eq!(environment["AWS_LAMBDA_LOG_LEVEL"], "INFO");
        assert_eq!(environment["SNS_CERT_HOST"], "127.0.0.1:3000");
        assert!(!environment.contains_key("CARGO_MANIFEST_DIR"));
    }
}
