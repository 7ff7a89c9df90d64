use wire::api::problem::Problem;

use super::*;
use serde_json::json;

const DOCUMENT: &str = r##"
paths:
  /things/{id}:
    get:
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/read-log"}
      responses:
        "200":
          headers: {Location: {$ref: "#/components/headers/Location"}, Age: {schema: {type: integer, minimum: 1}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}, text/csv: {schema: {type: string}}}
        "204": {description: Nothing}
        "404": {content: {application/problem+json: {schema: {type: object}}}}
    put:
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/manage-directory"}
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Thing"}
            examples: {good: {value: {at: null, parts: []}}, bad: {value: {at: 5, parts: []}}}
      responses: {"204": {}}
  /$default:
    x-amazon-apigateway-any-method:
      x-amazon-apigateway-integration: {$ref: "#/components/x-amazon-apigateway-integrations/read-log"}
      responses: {"404": {content: {application/problem+json: {schema: {type: object}}}}}
components:
  x-amazon-apigateway-integrations: {read-log: {}, manage-directory: {}}
  headers: {Location: {required: true, schema: {type: string}}}
  schemas:
    Thing:
      type: object
      additionalProperties: false
      required: [at, parts]
      properties:
        at: {type: string, format: date-time, nullable: true}
        parts: {type: array, items: {$ref: "#/components/schemas/Part"}}
    Part: {type: object, additionalProperties: false, properties: {size: {type: integer}, kind: {type: string, nullable: true, enum: [a, null]}}}
    Left: {type: string}
"##;

fn contract() -> Contract {
    Contract::parse(DOCUMENT).unwrap()
}

fn thing(body: &Value) -> Reply {
    Reply::json(200, body).header("location", "/things/1")
}

/// What is wrong with an answer of `GET /things/{id}`.
fn fault(reply: &Reply) -> String {
    contract().check("GET /things/{id}", reply).expect_err("it is not described so").what
}

fn is_fine(reply: &Reply) -> bool {
    contract().check("GET /things/{id}", reply).is_ok()
}

#[test]
fn what_is_described_passes() {
    for body in [
        json!({ "at": null, "parts": [] }),
        json!({ "at": "2026-12-01T09:00:00.000Z", "parts": [{ "size": 1, "kind": null }, { "kind": "a" }] }),
    ] {
        assert!(is_fine(&thing(&body)), "{body}");
    }
    assert!(is_fine(
        &Reply::text(200, "text/csv; charset=utf-8", "a,b").header("Location", "/x").header("Age", "7")
    ));
    assert!(is_fine(&Reply::empty(204)));
    assert!(is_fine(&Problem::not_found("thing").into()));
}

#[test]
fn a_status_that_is_not_described_is_found() {
    let violation = contract().check("GET /things/{id}", &Reply::empty(418)).unwrap_err();
    assert_eq!((violation.route.as_str(), violation.status), ("GET /things/{id}", 418));
    assert!(violation.to_string().contains("GET /things/{id} answered 418"), "{violation}");
}

#[test]
fn a_body_that_does_not_fit_is_found_with_its_place() {
    for (body, place) in [
        (json!({ "at": null, "parts": [], "colour": "red" }), ": Additional properties"),
        (json!({ "at": null, "parts": [{ "size": "big" }] }), "/parts/0/size: "),
        (json!({ "at": null, "parts": [{ "kind": "b" }] }), "/parts/0/kind: "),
        (json!({ "at": null, "parts": null }), "/parts: "),
        (json!({ "at": "yesterday", "parts": [] }), "/at: "),
        (json!({ "at": null }), ": \"parts\" is a required property"),
    ] {
        let what = fault(&thing(&body));
        assert!(what.contains(place), "{body}: {what}");
    }
}

#[test]
fn a_media_type_that_is_not_described_is_found() {
    assert!(fault(&Reply::text(200, "text/html", "<p>").header("location", "/")).contains("text/html"));
    assert!(
        fault(&Reply { headers: Vec::new(), ..Problem::not_found("thing").into() }).contains("media type")
    );
    assert!(fault(&Reply::json(204, &json!({}))).contains("none is described"));
    assert!(fault(&Reply { body: "{".into(), ..thing(&json!({})) }).contains("not JSON"));
}

#[test]
fn a_header_is_there_where_it_must_be_and_nowhere_else() {
    let body = json!({ "at": null, "parts": [] });
    assert!(fault(&Reply::json(200, &body)).contains("location is missing"));
    assert!(fault(&thing(&body).header("Age", "soon")).contains("age"));
    assert!(fault(&thing(&body).header("Age", "0")).contains("age"));
    assert!(fault(&Reply::empty(204).header("Location", "/")).contains("location is not described"));
    assert!(is_fine(&Reply::empty(204).header("x-frame-options", "DENY")), "the document is about none such");
}

#[test]
fn a_problem_document_repeats_its_status() {
    let problem = Reply { status: 404, ..Problem::bad_request("no").into() };
    assert!(fault(&problem).contains("/status"));
}

#[test]
fn a_route_that_is_none_is_the_catch_alls() {
    let contract = contract();
    assert_eq!(contract.function_of("PUT /things/{id}"), Some("manage-directory"));
    assert_eq!(contract.function_of("GET /nowhere"), Some("read-log"));
    assert!(contract.check("GET /nowhere", &Problem::not_found("route").into()).is_ok());
    assert!(contract.check("GET /nowhere", &Reply::empty(204)).is_err());
    assert_eq!(
        contract.routes().map(|(route, _)| route).collect::<Vec<_>>(),
        ["GET /things/{id}", "PUT /things/{id}"]
    );
}

#[test]
fn examples_are_held_to_their_schema() {
    let contract = contract();
    let examples = &contract.operations["PUT /things/{id}"].examples;
    let fits: Vec<bool> = examples.iter().map(|example| example.check().is_ok()).collect();
    assert_eq!((examples[0].media_type.as_str(), fits), ("application/json", vec![false, true]), "bad, good");
}

#[test]
fn a_component_that_nothing_refers_to_is_named() {
    assert_eq!(contract().unused(), ["#/components/schemas/Left"]);
}

#[test]
fn a_document_that_would_be_misread_is_refused() {
    let misread =
        DOCUMENT.replace("Left: {type: string}", "Left: {type: integer, minimum: 1, exclusiveMinimum: true}");
    assert!(format!("{:#}", Contract::parse(&misread).unwrap_err()).contains("exclusiveMinimum"));
    let dangling = DOCUMENT.replace("schemas/Part\"", "schemas/Parts\"");
    assert!(Contract::parse(&dangling).is_err());
}
