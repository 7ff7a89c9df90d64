//! YAML of CloudFormation to JSON: short-form intrinsics (`!Ref x`) become their long form (`{"Ref": "x"}`).

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json, json};
use serde_yaml_ng::Value as Yaml;

/// Parses one YAML document in which intrinsic functions may be written as tags.
///
/// # Errors
/// When the text is not YAML, or uses a tag, a key or a number that JSON cannot express.
pub(super) fn parse(text: &str) -> Result<Json> {
    let mut yaml: Yaml = serde_yaml_ng::from_str(text).context("not valid YAML")?;
    yaml.apply_merge().context("a merge key (`<<`) does not hold a mapping")?;
    convert(yaml)
}

fn convert(yaml: Yaml) -> Result<Json> {
    Ok(match yaml {
        Yaml::Null => Json::Null,
        Yaml::Bool(flag) => Json::Bool(flag),
        Yaml::Number(number) => convert_number(&number)?,
        Yaml::String(text) => Json::String(text),
        Yaml::Sequence(items) => Json::Array(items.into_iter().map(convert).collect::<Result<_>>()?),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(convert_key(&key)?, convert(value)?);
            }
            Json::Object(map)
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            convert_tag(tag.trim_start_matches('!'), convert(tagged.value)?)?
        }
    })
}

fn convert_number(number: &serde_yaml_ng::Number) -> Result<Json> {
    if let Some(whole) = number.as_i64() {
        return Ok(json!(whole));
    }
    if let Some(whole) = number.as_u64() {
        return Ok(json!(whole));
    }
    match number.as_f64() {
        Some(real) if real.is_finite() => Ok(json!(real)),
        _ => bail!("the number {number} has no JSON form"),
    }
}

/// Keys such as the `200:` of an `OpenAPI` response are numbers in YAML and text in JSON.
fn convert_key(key: &Yaml) -> Result<String> {
    match key {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(flag) => Ok(flag.to_string()),
        other => bail!("{other:?} cannot be a key"),
    }
}

fn convert_tag(tag: &str, value: Json) -> Result<Json> {
    Ok(match tag {
        "Ref" | "Condition" => json!({ tag: value }),
        "GetAtt" => match value {
            Json::String(text) => {
                let (id, attribute) =
                    text.split_once('.').with_context(|| format!("!GetAtt {text} names no attribute"))?;
                json!({ "Fn::GetAtt": [id, attribute] })
            }
            parts => json!({ "Fn::GetAtt": parts }),
        },
        "Sub" | "Join" | "If" | "Equals" | "Not" | "And" | "Or" | "Select" | "Split" | "FindInMap"
        | "Base64" | "ImportValue" | "Transform" => json!({ format!("Fn::{tag}"): value }),
        unknown => bail!("the tag !{unknown} is not known"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_form_reads_as_its_long_form() {
        let short = parse("a: !Ref Q\nb: !GetAtt Q.Arn\nc: !Sub 'x-${Q}'\nd: !If [C, !Ref A, 1]").unwrap();
        let long = json!({
            "a": {"Ref": "Q"}, "b": {"Fn::GetAtt": ["Q", "Arn"]}, "c": {"Fn::Sub": "x-${Q}"},
            "d": {"Fn::If": ["C", {"Ref": "A"}, 1]},
        });
        assert_eq!(short, long);
    }

    #[test]
    fn numeric_keys_become_text() {
        assert_eq!(parse("responses:\n  200: ok").unwrap(), json!({"responses": {"200": "ok"}}));
    }

    #[test]
    fn an_unknown_tag_is_refused_by_name() {
        assert!(parse("a: !Cidr x").unwrap_err().to_string().contains("!Cidr"));
    }
}
