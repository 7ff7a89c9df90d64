//! The product's own template, as the local stack reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use local::{build_functions::workspace, template::Template};

fn template() -> Template {
    let path: PathBuf = workspace().join("template.yaml");
    let parameters = BTreeMap::from([
        ("Stage", "local".to_owned()),
        ("PublicBaseUrl", "http://127.0.0.1:3000".to_owned()),
        ("JwtIssuer", local::jwt::ISSUER.to_owned()),
    ]);
    Template::read(&path, &parameters).unwrap()
}

#[test]
fn every_function_is_a_package_of_this_workspace_and_every_package_a_function() {
    let named: BTreeSet<String> = template().functions().unwrap().into_iter().map(|f| f.package).collect();
    let folders = std::fs::read_dir(workspace().join("functions")).unwrap();
    let present: BTreeSet<String> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(named, present);
}

#[test]
fn every_event_source_is_a_queue_with_dead_letters_and_partial_reports() {
    let template = template();
    let queues = template.queues().unwrap();
    for function in template.functions().unwrap() {
        for source in &function.queues {
            let queue = queues.iter().find(|queue| queue.name == source.queue);
            let queue = queue.unwrap_or_else(|| panic!("{} polls {}", function.id, source.queue));
            let redrive =
                queue.redrive.as_ref().unwrap_or_else(|| panic!("{} has no dead letters", queue.name));
            assert!(queues.iter().any(|queue| queue.name == redrive.dead_letter_queue));
            assert!(source.partial, "{} does not report single failures", function.id);
            let visibility: u64 = queue.attributes["VisibilityTimeout"].parse().unwrap();
            assert!(visibility >= 6 * function.timeout.as_secs(), "{} is visible too soon", queue.name);
        }
    }
}

#[test]
fn queue_variables_hold_the_urls_of_the_engine() {
    let mut template = template();
    let urls =
        template.queues().unwrap().into_iter().map(|queue| (queue.id, format!("http://sqs/{}", queue.name)));
    template.set_queue_urls(&urls.collect());
    for function in template.functions().unwrap() {
        for (name, value) in function.environment.iter().filter(|(name, _)| name.starts_with("QUEUE_")) {
            assert!(value.starts_with("http://sqs/tidings-local-"), "{}: {name}={value}", function.id);
        }
    }
}

#[test]
fn a_function_knows_the_topic_of_ses_and_the_configuration_set() {
    let functions = template().functions().unwrap();
    let values = |name: &str| -> BTreeSet<String> {
        functions.iter().filter_map(|function| function.environment.get(name).cloned()).collect()
    };
    let topic = "arn:aws:sns:us-east-1:000000000000:tidings-local-ses-events".to_owned();
    assert_eq!(values("SNS_TOPIC_ARN"), BTreeSet::from([topic]));
    assert_eq!(values("SES_CONFIGURATION_SET"), BTreeSet::from(["tidings-local".to_owned()]));
}

#[test]
fn webhooks_and_unsubscribe_links_are_open_and_everything_else_needs_a_token() {
    let routes = template().routes().unwrap();
    assert!(routes.len() > 20);
    for route in routes {
        let open =
            ["/webhooks/", "/unsubscribe/", "$default"].iter().any(|start| route.path.starts_with(start));
        assert_eq!(route.authorized, !open, "{} {}", route.method_name(), route.path);
    }
}

#[test]
fn what_exists_for_the_local_stack_alone_is_not_in_the_template() {
    let text = std::fs::read_to_string(workspace().join("template.yaml")).unwrap();
    for name in ["SNS_CERT_HOST", "SECRETS_FILE", "AWS_ENDPOINT_URL"] {
        assert!(!text.contains(name), "{name}");
    }
}
