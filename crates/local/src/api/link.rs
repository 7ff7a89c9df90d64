//! The `Link` header (RFC 8288), as far as pages need it.

use reqwest::{
    Url,
    header::{HeaderMap, LINK},
};

/// Path and query of the relation `next`. A target on another host is none: the token is not for it.
pub(super) fn next(headers: &HeaderMap, base: &Url) -> Option<String> {
    let values = headers.get_all(LINK).into_iter().filter_map(|value| value.to_str().ok());
    let target =
        values.flat_map(links).find_map(|(target, parameters)| is_next(parameters).then_some(target))?;
    let url = base.join(target).ok()?;
    (url.origin() == base.origin()).then(|| match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    })
}

/// Targets with their parameters; a target may hold commas and semicolons, what follows it to the next `<` is its own.
fn links(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split('<').skip(1).filter_map(|link| link.split_once('>'))
}

fn is_next(parameters: &str) -> bool {
    parameters.split([';', ',']).filter_map(|parameter| parameter.trim().split_once('=')).any(
        |(name, value)| {
            let relations = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && relations.split_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(link: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, link.parse().unwrap());
        next(&headers, &Url::parse("http://127.0.0.1:3000/bulk-actions/a/failed-items?limit=2").unwrap())
    }

    #[test]
    fn the_next_page_is_found_among_the_links() {
        let page = Some("/bulk-actions/a/failed-items?limit=2&cursor=x,y;z".to_owned());
        assert_eq!(of("</bulk-actions/a/failed-items?limit=2&cursor=x,y;z>; rel=\"next\""), page);
        assert_eq!(of("<?limit=2&cursor=x,y;z>;rel=next"), page);
        assert_eq!(
            of("</first>; rel=\"first\", <?limit=2&cursor=x,y;z>; title=\"n\"; REL=\"last Next\""),
            page
        );
        let whole = "<http://127.0.0.1:3000/bulk-actions/a/failed-items?limit=2&cursor=x,y;z>; rel=\"next\"";
        assert_eq!(of(whole), page);
    }

    #[test]
    fn other_relations_and_other_hosts_are_no_next_page() {
        for link in ["</first>; rel=\"first\"", "<http://example.org/x>; rel=\"next\"", "nonsense", "<next"] {
            assert_eq!(of(link), None, "{link}");
        }
    }
}
