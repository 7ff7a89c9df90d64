//! What a caller would rather read.

/// Whether an `Accept` header asks for CSV rather than JSON. Without one, and where both will do alike, JSON is the answer.
pub(super) fn prefers_csv(accept: Option<&str>) -> bool {
    let accept = accept.unwrap_or("application/json");
    let csv = weight(accept, "text/csv");
    csv > 0 && csv > weight(accept, "application/json")
}

/// In thousandths (RFC 9110, 12.4.2), the weight of the range that fits `media_type` most exactly; 0 if none does.
fn weight(accept: &str, media_type: &str) -> u16 {
    let kind = media_type.split('/').next().unwrap_or_default();
    let best = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let exactness = match name.as_str() {
            name if name == media_type => 3,
            name if name.strip_suffix("/*") == Some(kind) => 2,
            "*/*" => 1,
            _ => return None,
        };
        let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((exactness, q.map_or(1000, thousandths)))
    });
    best.max().map_or(0, |(_, weight)| weight)
}

fn thousandths(q: &str) -> u16 {
    let (whole, part) = q.split_once('.').unwrap_or((q, ""));
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    format!("{whole}{part}").parse().map_or(0, |weight: u16| weight.min(1000))
}

#[cfg(test)]
mod tests {
    use super::prefers_csv;

    #[test]
    fn csv_is_for_those_who_ask_for_it() {
        for yes in [
            "text/csv",
            "Text/CSV; charset=utf-8",
            "text/*",
            "application/json;q=0.5, text/csv",
            "text/csv, */*;q=0.1",
        ] {
            assert!(prefers_csv(Some(yes)), "{yes}");
        }
        for no in [
            "*/*",
            "application/json",
            "text/csv;q=0",
            "text/csv;q=0.5, application/json",
            "text/html",
            "",
            "text/csv;q=x",
        ] {
            assert!(!prefers_csv(Some(no)), "{no}");
        }
        assert!(!prefers_csv(None));
    }
}
