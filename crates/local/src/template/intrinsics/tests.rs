use serde_json::json;

use super::*;

fn scope() -> Scope {
    let queue = Referable {
        reference: "http://queue".into(),
        attributes: BTreeMap::from([("Arn", "arn:q".to_owned())]),
    };
    let conditions = json!({
        "IsLocal": {"Fn::Equals": [{"Ref": "Stage"}, "local"]},
        "IsNot": {"Fn::Not": [{"Condition": "IsLocal"}]},
        "Both": {"Fn::And": [{"Condition": "IsLocal"}, {"Condition": "IsNot"}]},
        "Either": {"Fn::Or": [{"Condition": "IsLocal"}, {"Condition": "IsNot"}]},
    });
    Scope {
        parameters: BTreeMap::from([("Stage".into(), json!("local")), ("Rate".into(), json!(5))]),
        conditions: conditions.as_object().unwrap().clone(),
        mappings: json!({"M": {"a": {"b": "c"}}}).as_object().unwrap().clone(),
        resources: BTreeMap::from([("Q".into(), queue)]),
    }
}

#[test]
fn sub_knows_parameters_attributes_its_own_variables_and_literals() {
    let scope = scope();
    let text = scope.text(&json!({"Fn::Sub": "${Stage}-${Q}-${Q.Arn}-${!Keep}-${AWS::AccountId}"})).unwrap();
    assert_eq!(text, "local-http://queue-arn:q-${Keep}-000000000000");
    let own = json!({"Fn::Sub": ["${Own}/${Rate}", {"Own": {"Ref": "Stage"}}]});
    assert_eq!(scope.text(&own).unwrap(), "local/5");
}

#[test]
fn no_value_removes_the_property() {
    let value = json!({"a": {"Fn::If": ["IsNot", 1, {"Ref": "AWS::NoValue"}]}, "b": 2});
    assert_eq!(scope().resolve(&value).unwrap(), Some(json!({"b": 2})));
}

#[test]
fn conditions_combine() {
    let scope = scope();
    let found: Vec<bool> =
        ["IsLocal", "IsNot", "Both", "Either"].iter().map(|name| scope.condition(name).unwrap()).collect();
    assert_eq!(found, [true, false, false, true]);
}

#[test]
fn lists_are_joined_split_and_selected() {
    let scope = scope();
    let joined = json!({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]});
    assert_eq!(scope.text(&joined).unwrap(), "a-local");
    let selected = json!({"Fn::Select": [1, {"Fn::Split": [",", "x,y"]}]});
    assert_eq!(scope.text(&selected).unwrap(), "y");
    assert_eq!(scope.text(&json!({"Fn::FindInMap": ["M", "a", "b"]})).unwrap(), "c");
}

#[test]
fn what_does_not_exist_is_named() {
    let error = format!("{:#}", scope().text(&json!({"Ref": "Nobody"})).unwrap_err());
    assert!(error.contains("Nobody"), "{error}");
    let error = format!("{:#}", scope().text(&json!({"Fn::GetAtt": ["Q", "Age"]})).unwrap_err());
    assert!(error.contains("Age"), "{error}");
}
