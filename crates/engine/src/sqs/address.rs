//! Names, ARNs and URLs of queues.

use super::refusal::{Fault, Refusal};

/// The account of the local stack.
pub(super) const ACCOUNT: &str = "000000000000";

const ARN_PREFIX: &str = "arn:aws:sqs:us-east-1:000000000000:";

/// 1 to 80 letters, digits, hyphens and underscores.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = (1..=80).contains(&name.len()) && name.bytes().all(is_name_byte);
    if fits {
        return Ok(());
    }
    let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    Err(Refusal::new(Fault::InvalidParameterValue, message))
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

pub(super) fn arn(name: &str) -> String {
    format!("{ARN_PREFIX}{name}")
}

/// The queue's name in an ARN of this account and region.
pub(super) fn name_in_arn(arn: &str) -> Option<&str> {
    arn.strip_prefix(ARN_PREFIX).filter(|name| check_name(name).is_ok())
}

/// `host` is the request's own, so that the URL is one that this client can reach.
pub(super) fn url(host: &str, name: &str) -> String {
    format!("http://{host}/{ACCOUNT}/{name}")
}

/// The queue's name in a queue URL.
///
/// Host and port do not count: a URL from before a restart, with the old port in it, still finds its queue.
pub(super) fn name_in_url(url: Option<&str>) -> Result<&str, Refusal> {
    let url = url.filter(|url| !url.is_empty()).ok_or_else(|| Refusal::missing("QueueUrl"))?;
    let after_scheme = url.split_once("://").map(|(_, rest)| rest);
    let path = after_scheme.and_then(|rest| rest.split_once('/')).map(|(_, path)| path);
    match path.and_then(|path| path.split_once('/')) {
        Some((ACCOUNT, name)) if check_name(name).is_ok() => Ok(name),
        Some((account, _)) if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) => {
            Err(Refusal::no_queue())
        }
        _ => Err(Refusal::new(
            Fault::InvalidAddress,
            format!("The address {url} is not valid for this endpoint."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_with_another_host_and_port_names_the_same_queue() {
        for url in ["http://127.0.0.1:1/000000000000/jobs", "https://sqs.example/000000000000/jobs"] {
            assert_eq!(name_in_url(Some(url)).unwrap(), "jobs");
        }
    }

    #[test]
    fn a_url_of_another_account_is_a_queue_that_does_not_exist() {
        let refusal = name_in_url(Some("http://127.0.0.1:1/111111111111/jobs")).unwrap_err();
        assert_eq!(refusal.fault, Fault::QueueDoesNotExist);
    }

    #[test]
    fn what_is_no_queue_url_is_an_invalid_address() {
        for url in ["jobs", "http://127.0.0.1:1/jobs", "http://127.0.0.1:1/000000000000/a/b"] {
            let fault = name_in_url(Some(url)).unwrap_err().fault;
            assert!(matches!(fault, Fault::InvalidAddress | Fault::QueueDoesNotExist), "{url}: {fault:?}");
        }
        assert_eq!(name_in_url(None).unwrap_err().fault, Fault::MissingParameter);
    }

    #[test]
    fn an_arn_of_another_region_is_not_ours() {
        assert_eq!(name_in_arn(&arn("jobs")), Some("jobs"));
        assert_eq!(name_in_arn("arn:aws:sqs:eu-west-1:000000000000:jobs"), None);
    }
}
