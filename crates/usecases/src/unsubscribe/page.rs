//! The pages behind an unsubscribe link: plain HTML that works without scripts, in a screen reader and on any phone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Channel;
use sha2::{Digest, Sha256};
use wire::api::http::Reply;

const STYLE: &str = "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}button{font:inherit;padding:.75rem 1.5rem;color:#fff;background:#1a4d8f;border:2px solid \
#1a4d8f;border-radius:.25rem}button:focus-visible{outline:3px solid #b35900;outline-offset:2px}";

/// A page with its title and what stands under it.
pub(super) struct Page {
    title: &'static str,
    content: String,
}

/// Asks before anything changes. The form goes to the page's own address.
pub(super) fn ask(organisation: &str, channel: Channel) -> Page {
    let content = format!(
        "<p>You will get no more {} from {}.</p>\
         <form method=\"post\"><input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">\
         <button type=\"submit\">Unsubscribe</button></form>",
        messages(channel),
        shown(organisation),
    );
    Page { title: "Unsubscribe?", content }
}

/// Says that it is done.
pub(super) fn done(organisation: &str, channel: Channel) -> Page {
    let content = format!(
        "<p role=\"status\">You will get no more {} from {}. What is on its way already may still arrive.</p>",
        messages(channel),
        shown(organisation),
    );
    Page { title: "You are unsubscribed", content }
}

/// The link is not one of ours.
pub(super) fn unknown() -> Page {
    let content = "<p>This link is not complete or not right. Open it again from the email, \
                   or answer the email and ask to be taken off the list.</p>";
    Page { title: "This link does not work", content: content.into() }
}

/// It did not work this time.
pub(super) fn later() -> Page {
    let content = "<p>Nothing was changed. Please try again in a minute.</p>";
    Page { title: "That did not work", content: content.into() }
}

fn messages(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "emails",
        Channel::Sms => "text messages",
        Channel::WhatsApp => "WhatsApp messages",
    }
}

fn shown(organisation: &str) -> String {
    let name = organisation.trim();
    if name.is_empty() { "this sender".into() } else { format!("<strong>{}</strong>", escape(name)) }
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

/// The page as an answer. It may load, run and embed nothing, its address (which holds the token) is told to nobody, and
/// no cache or search engine keeps it.
pub(super) fn reply(status: u16, page: &Page) -> Reply {
    let Page { title, content } = page;
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>"
    );
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    Reply::text(status, "text/html; charset=utf-8", html)
        .header("content-security-policy", policy)
        .header("referrer-policy", "no-referrer")
        .header("x-robots-tag", "noindex, nofollow")
        .header("x-content-type-options", "nosniff")
        .header("cache-control", "no-store")
}
