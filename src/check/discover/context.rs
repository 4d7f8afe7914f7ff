//! Where the policies of a database learn the tenant from: what they ask for, and the settings that answer.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Map, Value};

use super::{DiscoverError, Fact, Source};
use crate::sql::Ident;

/// The setting in which `PostgREST` and Supabase hand the claims of a token to the session.
const CLAIMS: &str = "request.jwt.claims";
/// Stands for the tenant's key in the value of a setting.
pub const TENANT: &str = "{tenant}";
/// Stands for a user who belongs to the tenant.
pub const MEMBER: &str = "{member}";

/// Where the operator says that policies learn the tenant from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ContextWish {
    /// Nothing was said.
    #[default]
    Guess,
    /// A setting that holds the tenant.
    Setting(String),
    /// A claim of the token of a Supabase session, from the outside in; none = read from the policies.
    Jwt(Option<Vec<String>>),
}

/// A setting, a claim or the user's id, and how many places ask for it.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Mention {
    /// `setting`, `claim` or `user`.
    #[diesel(sql_type = Text)]
    pub what: String,
    /// The setting's name, or the operators that lead to the claim.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// How many policies ask for it.
    #[diesel(sql_type = BigInt)]
    pub policies: i64,
    /// How many functions and defaults do.
    #[diesel(sql_type = BigInt)]
    pub others: i64,
}

impl Mention {
    /// Reads what the policies, functions and defaults of the database ask for.
    pub fn load(conn: &mut PgConnection) -> QueryResult<Vec<Self>> {
        diesel::sql_query(include_str!("mentions.sql")).load(conn)
    }

    fn because(&self) -> String {
        let part = |n: i64, word: &str| (n > 0).then(|| crate::progress::style::plural(n, word));
        let parts: Vec<String> = [part(self.policies, "policy"), part(self.others, "function")].into_iter().flatten().collect();
        format!("asked for by {}", parts.join(" and "))
    }

    /// The path of a claim: the quoted words of `-> 'app_metadata' ->> 'tenant_id'`.
    fn path(&self) -> Vec<String> {
        self.name.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
    }
}

/// What makes a session a tenant: settings whose values hold `{tenant}` and `{member}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) settings: Vec<(String, String)>,
    pub(super) facts: Vec<Fact>,
}

/// One possible answer to where the tenant comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Candidate {
    Setting(String),
    Claim(Vec<String>),
}

impl Candidate {
    fn text(&self) -> String {
        match self {
            Self::Setting(name) => format!("setting {name}"),
            Self::Claim(path) => format!("claim {} of the token", path.join(".")),
        }
    }

    fn option(&self) -> String {
        match self {
            Self::Setting(name) => format!("--setting {name}"),
            Self::Claim(path) => format!("--context supabase-jwt --claim {}", path.join(".")),
        }
    }
}

/// Whether it is known where users of a tenant are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Members {
    Known,
    Unknown,
}

/// Decides by what was said, otherwise by what the database asks for.
pub(super) fn session(wish: &ContextWish, mentions: &[Mention], column: &Ident, members: Members) -> Result<Session, DiscoverError> {
    let asks_user = mentions.iter().any(|mention| mention.what == "user");
    let fact = |is: String, because: String, source| vec![Fact::new("tenant of a session", is, because, source, "--setting")];
    let (candidate, mut facts) = match wish {
        ContextWish::Setting(name) => {
            let candidate = Candidate::Setting(name.clone());
            let facts = fact(candidate.text(), "given".into(), Source::Given);
            (Some(candidate), facts)
        }
        ContextWish::Jwt(Some(path)) => {
            let candidate = Candidate::Claim(path.clone());
            let facts = fact(candidate.text(), "given".into(), Source::Given);
            (Some(candidate), facts)
        }
        ContextWish::Jwt(None) if !asks_user && claims(mentions).is_empty() => {
            let candidate = Candidate::Claim(vec!["app_metadata".into(), column.plain().to_owned()]);
            let facts = fact(candidate.text(), "no policy and no function asks for a claim".into(), Source::Guessed);
            (Some(candidate), facts)
        }
        ContextWish::Jwt(None) => guess(&claims(mentions), column, asks_user, fact)?,
        ContextWish::Guess => guess(mentions, column, asks_user, fact)?,
    };
    if candidate.is_none() && members == Members::Unknown {
        return Err(DiscoverError::NoMembership);
    }
    if asks_user && members == Members::Unknown {
        let because = "policies ask for auth.uid(), and no membership table is known";
        facts.push(Fact::new("user of a session", "none", because, Source::Guessed, "--membership"));
    }
    let (mut settings, mut claims) = settings(candidate.as_ref());
    let names_user = asks_user || candidate.is_none() || !claims.is_empty();
    if names_user && members == Members::Known {
        claims.insert("sub".into(), MEMBER.into());
    }
    if !claims.is_empty() {
        settings.push((CLAIMS.to_owned(), Value::Object(claims).to_string()));
    }
    Ok(Session { settings, facts })
}

fn claims(mentions: &[Mention]) -> Vec<Mention> {
    mentions.iter().filter(|mention| mention.what == "claim").cloned().collect()
}

type Guess = (Option<Candidate>, Vec<Fact>);

fn guess(
    mentions: &[Mention],
    column: &Ident,
    asks_user: bool,
    fact: impl Fn(String, String, Source) -> Vec<Fact>,
) -> Result<Guess, DiscoverError> {
    let stem = column.plain().trim_end_matches("_id").to_lowercase();
    let mut found: Vec<(Candidate, &Mention, bool)> = Vec::new();
    for mention in mentions {
        let (candidate, last) = match mention.what.as_str() {
            "setting" if !mention.name.starts_with("request.") => {
                let last = mention.name.rsplit('.').next().unwrap_or_default().to_lowercase();
                (Candidate::Setting(mention.name.clone()), last)
            }
            "claim" => {
                let path = mention.path();
                let last = path.last().map(|name| name.to_lowercase()).unwrap_or_default();
                (Candidate::Claim(path), last)
            }
            _ => continue,
        };
        if !found.iter().any(|(known, _, _)| *known == candidate) {
            found.push((candidate, mention, last.contains(&stem)));
        }
    }
    // Whatever is named like the tenant column is the tenant; the rest is only looked at when nothing is.
    if found.iter().any(|(_, _, alike)| *alike) {
        found.retain(|(_, _, alike)| *alike);
    }
    match found.as_slice() {
        [(candidate, mention, _)] => Ok((Some(candidate.clone()), fact(candidate.text(), mention.because(), Source::Guessed))),
        [] if asks_user => Ok((None, fact("the user's memberships".into(), "policies ask only for auth.uid()".into(), Source::Guessed))),
        [] => {
            let candidate = Candidate::Setting(crate::sql::policy::SETTING.to_owned());
            let facts = fact(candidate.text(), "no policy and no function asks for any setting".into(), Source::Guessed);
            Ok((Some(candidate), facts))
        }
        several => {
            Err(DiscoverError::Context(several.iter().map(|(candidate, mention, _)| (candidate.option(), mention.because())).collect()))
        }
    }
}

/// The settings of one way, and the claims of its token.
fn settings(candidate: Option<&Candidate>) -> (Vec<(String, String)>, Map<String, Value>) {
    let mut claims = Map::new();
    match candidate {
        Some(Candidate::Setting(name)) => return (vec![(name.clone(), TENANT.to_owned())], claims),
        Some(Candidate::Claim(path)) => {
            insert(&mut claims, path);
            claims.insert("role".into(), "authenticated".into());
        }
        None => {}
    }
    (Vec::new(), claims)
}

fn insert(claims: &mut Map<String, Value>, path: &[String]) {
    match path {
        [] => {}
        [last] => {
            claims.insert(last.clone(), TENANT.into());
        }
        [first, rest @ ..] => {
            let mut inner = Map::new();
            insert(&mut inner, rest);
            claims.insert(first.clone(), Value::Object(inner));
        }
    }
}

/// Puts a tenant and a user into the value of a setting. Inside JSON they are written as JSON wants it.
#[must_use]
pub fn fill(template: &str, tenant: &str, member: &str) -> String {
    let put = |text: &str| text.replace(TENANT, tenant).replace(MEMBER, member);
    match serde_json::from_str::<Value>(template) {
        Ok(mut value @ (Value::Object(_) | Value::Array(_))) => {
            each_text(&mut value, &put);
            value.to_string()
        }
        _ => put(template),
    }
}

fn each_text(value: &mut Value, put: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = put(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, put)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_text(field, put)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mention(what: &str, name: &str) -> Mention {
        Mention { what: what.into(), name: name.into(), policies: 1, others: 0 }
    }

    fn of(mentions: &[Mention], members: Members) -> Result<Vec<(String, String)>, DiscoverError> {
        session(&ContextWish::Guess, mentions, &Ident::new("tenant_id").unwrap(), members).map(|session| session.settings)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn the_setting_that_is_named_like_the_column_is_the_tenant() {
        let mentions =
            [mention("setting", "app.current_tenant_id"), mention("setting", "app.user_id"), mention("setting", "request.jwt.claims")];
        assert_eq!(of(&mentions, Members::Unknown).unwrap(), [pair("app.current_tenant_id", "{tenant}")]);
        assert_eq!(of(&mentions[1..2], Members::Unknown).unwrap(), [pair("app.user_id", "{tenant}")]);
    }

    #[test]
    fn a_claim_is_found_by_the_operators_that_lead_to_it() {
        let mentions = [mention("claim", " -> 'app_metadata'::text) ->> 'tenant_id'::text)")];
        let settings = of(&mentions, Members::Known).unwrap();
        assert_eq!(settings[0].0, "request.jwt.claims");
        assert_eq!(settings[0].1, r#"{"app_metadata":{"tenant_id":"{tenant}"},"role":"authenticated","sub":"{member}"}"#);
    }

    #[test]
    fn two_ways_are_an_error_that_names_both() {
        let mentions = [mention("claim", " ->> 'tenant_id'"), mention("setting", "app.current_tenant_id")];
        let DiscoverError::Context(ways) = of(&mentions, Members::Unknown).unwrap_err() else { panic!("another error") };
        assert_eq!(
            ways.iter().map(|(option, _)| option.as_str()).collect::<Vec<_>>(),
            ["--context supabase-jwt --claim tenant_id", "--setting app.current_tenant_id"]
        );
    }

    #[test]
    fn a_user_alone_makes_a_tenant_by_membership() {
        assert_eq!(of(&[mention("user", "auth.uid()")], Members::Known).unwrap(), [pair("request.jwt.claims", r#"{"sub":"{member}"}"#)]);
    }

    #[test]
    fn what_is_put_into_a_token_cannot_end_its_text() {
        assert_eq!(fill(r#"{"t":"{tenant}"}"#, r#"a"b"#, ""), r#"{"t":"a\"b"}"#);
        assert_eq!(fill("{tenant}", "a'b", ""), "a'b");
    }
}
