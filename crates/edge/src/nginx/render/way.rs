//! Which version answers a request to production: the one that it tries, the one that its user is on, or
//! one by the weights.
//!
//! Each of these is a variable of the service. nginx works them out when a request needs them, so that a
//! request that is led elsewhere costs none of it.

use launcher_model::VersionNumber;

use super::names::variable;
use super::out::Out;
use super::text::{Unfit, literal, pattern};
use crate::table::{COOKIE_ATTRIBUTES, Passes, ServiceTable};

/// How the version is found that answers.
pub(super) struct Way {
    /// What says its number, or nothing when none is live.
    pub(super) version: String,
    /// What says whether it is live.
    pub(super) live: String,
    /// The variable of the cookie that the response sets, if it may set one.
    pub(super) cookie: Option<String>,
    /// The variable of the version that a request tries, if it may try one.
    pub(super) tried: Option<String>,
    /// The variable of the cookie that answers a link to try a version, where one may.
    pub(super) link: Option<String>,
    pub(super) target: Target,
}

impl Way {
    /// To a version's preview.
    pub(super) fn preview(table: &ServiceTable, version: VersionNumber) -> Self {
        Self {
            version: version.0.to_string(),
            live: "\"\"".into(),
            cookie: None,
            tried: None,
            link: None,
            target: Target::only(table, version),
        }
    }
}

/// Where the requests of one server go.
pub(super) enum Target {
    /// To one version.
    One(VersionNumber),
    /// To the one that `$launcher_version` says, if that says one.
    Drawn {
        /// Those of them that have no container at present.
        empty: Vec<VersionNumber>,
        /// It may say none.
        may_be_none: bool,
    },
    /// Nowhere, and why.
    Nothing(String),
}

impl Target {
    /// To this version and no other.
    fn only(table: &ServiceTable, version: VersionNumber) -> Self {
        if has_container(table, version) {
            return Self::One(version);
        }
        let name = &table.name;
        Self::Nothing(format!("At present {name} {version} has no healthy container."))
    }
}

/// What a person is told of a service of which nothing is live.
pub(super) fn nothing_live(table: &ServiceTable) -> String {
    format!("Service {} has no live version. Deploy one.", table.name)
}

fn has_container(table: &ServiceTable, version: VersionNumber) -> bool {
    table.pools.get(&version).is_some_and(|pool| !pool.endpoints.is_empty())
}

/// The versions with a weight.
fn live(table: &ServiceTable) -> Vec<(VersionNumber, u32)> {
    let weighted = table
        .weights
        .iter()
        .filter(|(version, weight)| weight.percent() > 0 && table.pools.contains_key(version));
    weighted.map(|(version, weight)| (*version, u32::from(weight.percent()))).collect()
}

/// The versions that have a pass of this kind.
fn passes(
    table: &ServiceTable,
    kind: fn(&Passes) -> &String,
) -> Result<Vec<(VersionNumber, &str)>, Unfit> {
    let all = table.pools.iter().map(|(version, pool)| (*version, kind(&pool.passes).as_str()));
    let given = all.filter(|(_, pass)| !pass.is_empty());
    given
        .map(|(version, pass)| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            if pass.len() <= 64 && pass.bytes().all(plain) {
                Ok((version, pass))
            } else {
                Err(Unfit::new(&table.name, "the pass", pass, "is not one"))
            }
        })
        .collect()
}

/// Writes the variables of a service's production.
///
/// # Errors
/// When a pass could mean something else to nginx than a pass.
pub(super) fn production(out: &mut Out, table: &ServiceTable) -> Result<Way, Unfit> {
    let live = live(table);
    let drawn = match live.as_slice() {
        [] => "\"\"".to_owned(),
        [(only, _)] => only.0.to_string(),
        several => format!("${}", shares(out, table, several)),
    };
    let kept = if live.len() > 1 && table.traffic.sticky { kept(out, table, &live)? } else { None };
    let tried = tried(out, table, live.len())?;
    let cookie = match &kept {
        Some(kept) => Some(assigned(out, table, &live, &drawn, tried.as_deref(), kept)?),
        None => None,
    };
    let untried = kept.map_or(drawn.clone(), |kept| or_else(out, table, "stays", &kept, &drawn));
    let link = Some(link(out, table)?);
    let Some(tried) = tried else {
        let is_live = if live.is_empty() { "\"\"" } else { "1" };
        let target = target(table, &live);
        let live = is_live.to_owned();
        return Ok(Way { version: untried, live, cookie, tried: None, link, target });
    };
    let version = or_else(out, table, "way", &tried, &untried);
    let is_live = variable("live", &table.name);
    let ones = live.iter().map(|(version, _)| (version.0.to_string(), "1".to_owned()));
    out.map(&version, &is_live, "\"\"", ones);
    let all = table.pools.keys().copied();
    let target = Target::Drawn {
        empty: all.filter(|version| !has_container(table, *version)).collect(),
        may_be_none: live.is_empty(),
    };
    Ok(Way { version, live: format!("${is_live}"), cookie, tried: Some(tried), link, target })
}

/// A variable that says what `first` says, or else what `second` does.
fn or_else(out: &mut Out, table: &ServiceTable, what: &str, first: &str, second: &str) -> String {
    let (variable, first) = (variable(what, &table.name), format!("${first}"));
    out.map(&first, &variable, &first, [nothing(second)]);
    format!("${variable}")
}

fn target(table: &ServiceTable, live: &[(VersionNumber, u32)]) -> Target {
    match live {
        [] => Target::Nothing(nothing_live(table)),
        [(only, _)] => Target::only(table, *only),
        several => {
            let all = several.iter().map(|(version, _)| *version);
            let empty = all.filter(|version| !has_container(table, *version)).collect();
            Target::Drawn { empty, may_be_none: false }
        }
    }
}

/// Draws a version for each request, by the weights.
fn shares(out: &mut Out, table: &ServiceTable, live: &[(VersionNumber, u32)]) -> String {
    let sum: u32 = live.iter().map(|(_, weight)| weight).sum();
    let variable = variable("share", &table.name);
    out.block(format!("split_clients $request_id ${variable}"), |out| {
        for (version, weight) in &live[..live.len() - 1] {
            // In hundredths of a percent, which is as fine as nginx has it.
            let share = weight * 10_000 / sum;
            out.line(format!("{}.{:02}% {};", share / 100, share % 100, version.0));
        }
        if let Some((last, _)) = live.last() {
            out.line(format!("* {};", last.0));
        }
    });
    variable
}

/// Finds the live version that a user's cookie names. `None` when no live version has a value for one.
fn kept(
    out: &mut Out,
    table: &ServiceTable,
    live: &[(VersionNumber, u32)],
) -> Result<Option<String>, Unfit> {
    let passes = of_live(table, live)?;
    if passes.is_empty() {
        return Ok(None);
    }
    let found = cookie(out, table, "kept", &table.sticky_cookie(), &passes);
    Ok(Some(found))
}

fn of_live<'t>(
    table: &'t ServiceTable,
    live: &[(VersionNumber, u32)],
) -> Result<Vec<(VersionNumber, &'t str)>, Unfit> {
    let mut passes = passes(table, |passes| &passes.sticky)?;
    passes.retain(|(version, _)| live.iter().any(|(live, _)| live == version));
    Ok(passes)
}

/// The cookie that puts a user on the version that was drawn for them. A request that names a version,
/// to try it or to stay, sets none.
fn assigned(
    out: &mut Out,
    table: &ServiceTable,
    live: &[(VersionNumber, u32)],
    drawn: &str,
    tried: Option<&str>,
    kept: &str,
) -> Result<String, Unfit> {
    let (set, assigned) = (variable("set", &table.name), variable("assigned", &table.name));
    let name = table.sticky_cookie();
    let of_live = of_live(table, live)?;
    let cookies = of_live.iter().map(|(version, pass)| {
        (version.0.to_string(), format!("\"{name}={pass}{COOKIE_ATTRIBUTES}\""))
    });
    out.map(drawn, &set, "\"\"", cookies);
    let named = tried.map_or_else(|| format!("${kept}"), |tried| format!("${tried}${kept}"));
    out.map(&named, &assigned, "\"\"", [nothing(&format!("${set}"))]);
    Ok(assigned)
}

/// Answers links that have a browser try a version: with the cookie that does so, or when they name none
/// that has containers, with the end of it.
fn link(out: &mut Out, table: &ServiceTable) -> Result<String, Unfit> {
    let (name, variable) = (table.try_cookie(), variable("link", &table.name));
    let passes = passes(table, |passes| &passes.trial)?;
    let cookies = passes.iter().map(|(_, pass)| {
        let key = pattern(&format!("^={}$", literal(pass.as_bytes())));
        (key, format!("\"{name}={pass}{COOKIE_ATTRIBUTES}\""))
    });
    let forgets = format!("\"{name}={COOKIE_ATTRIBUTES}; Max-Age=0\"");
    out.map("$launcher_link", &variable, &forgets, cookies);
    Ok(variable)
}

/// Finds the version that a request tries, by its header or else by its cookie. `None` when there is
/// nothing to be chosen.
fn tried(out: &mut Out, table: &ServiceTable, live: usize) -> Result<Option<String>, Unfit> {
    let passes = passes(table, |passes| &passes.trial)?;
    let is_idle = table.pools.len() == 1 && live == 1 && table.rules.maintenance.is_none();
    if is_idle || passes.is_empty() {
        return Ok(None);
    }
    let by_cookie = format!("${}", cookie(out, table, "cookie", &table.try_cookie(), &passes));
    let tried = variable("tried", &table.name);
    let mut by_header = vec![nothing(&by_cookie)];
    by_header.extend(versions(&passes));
    out.map("$http_launcher_try", &tried, &by_cookie, by_header);
    Ok(Some(tried))
}

/// The entry for an empty text. It is found before any pattern is tried.
fn nothing(value: &str) -> (String, String) {
    ("\"\"".to_owned(), value.to_owned())
}

/// Finds the version that a cookie names by one of these passes. A request has its cookies in one text
/// (`$http_cookie`), however many fields they came in.
fn cookie(
    out: &mut Out,
    table: &ServiceTable,
    what: &str,
    name: &str,
    passes: &[(VersionNumber, &str)],
) -> String {
    let (pass, version) =
        (variable(&format!("{what}_pass"), &table.name), variable(what, &table.name));
    let known: Vec<String> = passes.iter().map(|(_, pass)| literal(pass.as_bytes())).collect();
    // It begins with fixed letters, which are looked for quickly.
    let expression = format!(
        "(?<=^|;|; ){}=(?<launcher_pass>{})(?= *(?:;|$))",
        literal(name.as_bytes()),
        known.join("|")
    );
    let found = [nothing("\"\""), (pattern(&expression), "$launcher_pass".to_owned())];
    out.map("$http_cookie", &pass, "\"\"", found);
    let mut entries = vec![nothing("\"\"")];
    entries.extend(versions(passes));
    out.map(&format!("${pass}"), &version, "\"\"", entries);
    version
}

/// Versions by their passes. Patterns, because nginx compares all else without regard to case.
fn versions(passes: &[(VersionNumber, &str)]) -> impl Iterator<Item = (String, String)> {
    passes.iter().map(|(version, pass)| {
        (pattern(&format!("^{}$", literal(pass.as_bytes()))), version.0.to_string())
    })
}
