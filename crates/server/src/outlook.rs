//! What a deployment would do, and what speaks for it and against it: composed once, for the pages, the API
//! and the command line.

mod changes;
mod evidence;

use launcher_control::{Held, Outlook, Target};
use launcher_model::route::{DeploymentKind, Weights};
use launcher_model::{ServiceName, VersionNumber};

use crate::App;
use crate::api::views::{FreezeView, OutlookView, StartsView};
use crate::http::problem::Problem;
use crate::words::count;

/// What a deployment would do if it were asked for now.
///
/// # Errors
/// When there is no such service or version, the shares make no sense, or the store fails.
pub(crate) async fn outlook(
    app: &App,
    service: &ServiceName,
    target: Target,
) -> Result<OutlookView, Problem> {
    let outlook = app.control.outlook(service, target).await?;
    let about = outlook.about().or_else(|| outlook.to.keys().next_back().copied());
    let live = against(&outlook.from, about);
    let read = async |number: Option<VersionNumber>| match number {
        Some(number) => app.store.version(service, number).await,
        None => Ok(None),
    };
    let (live, target) = (read(live).await?, read(about).await?);
    let numbers = (live.as_ref().map(|one| one.number), about);
    let builds = changes::builds(app, service).await?;
    let between = changes::between(app, service, numbers).await?;
    let evidence = match &target {
        Some(target) => {
            let view = app.control.environment(service, target.number).await?;
            let subject = evidence::Subject { live: live.as_ref(), target, view: &view };
            subject.evidence(&between.versions, &builds)
        }
        None => Vec::new(),
    };
    let known = app.store.service(service).await?;
    let freeze = known
        .filter(|_| outlook.frozen.is_some())
        .and_then(|known| FreezeView::now(&known.spec.deploy, app.now()));
    let takes = takes(&outlook);
    let held = match &outlook.held {
        None | Some(Held::LiveAlready) => None,
        Some(Held::Busy(id)) => Some(launcher_control::Error::Busy(*id).to_string()),
        Some(Held::Refused(why)) => Some(why.clone()),
    };
    let starts = outlook.starts.iter();
    Ok(OutlookView {
        service: service.clone(),
        kind: outlook.kind,
        generation: outlook.generation,
        live_already: outlook.held == Some(Held::LiveAlready),
        held,
        freeze,
        starts: starts
            .map(|(version, containers)| StartsView { version: *version, containers: *containers })
            .collect(),
        from: outlook.from,
        to: outlook.to,
        warnings: outlook.warnings,
        edges: outlook.edges,
        takes,
        versions: between.versions.iter().map(|one| changes::view(one, &builds)).collect(),
        more_versions: between.more,
        evidence,
    })
}

/// Where a version goes when it is made live by name: forward, or back.
pub(crate) fn target(version: VersionNumber, kind: DeploymentKind) -> Target {
    match kind {
        DeploymentKind::Rollback => Target::RollbackTo(version),
        DeploymentKind::Deploy | DeploymentKind::Offline => Target::Deploy(version),
    }
}

/// What a version is compared with: of what is live, that which has most, and is another one.
fn against(live: &Weights, about: Option<VersionNumber>) -> Option<VersionNumber> {
    let others = live.iter().filter(|(version, _)| Some(**version) != about);
    others
        .max_by_key(|(version, weight)| (weight.percent(), **version))
        .map(|(version, _)| *version)
}

/// How long it takes, in words.
fn takes(outlook: &Outlook) -> String {
    let containers: usize =
        outlook.starts.iter().map(|(_, containers)| usize::from(*containers)).sum();
    if containers == 0 {
        return "instant".to_owned();
    }
    format!("starts {} first", count(containers, "container", "containers"))
}
