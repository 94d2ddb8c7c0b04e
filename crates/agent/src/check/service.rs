//! Whether a service's production is well.

use launcher_model::VersionNumber;

use super::{Figure, Outcome, Status};

/// What is checked, in a word.
pub const SUBJECT: &str = "SERVICE";

/// What is known of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The versions that are live.
    pub live: Vec<Live>,
    /// Something has been live before.
    pub was_live: bool,
    /// It is closed to its users on purpose.
    pub maintenance: bool,
    /// It is being deleted.
    pub deleting: bool,
}

/// A version that is live.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Which.
    pub version: VersionNumber,
    /// Its share of the traffic, in percent.
    pub percent: u8,
    /// How many containers serve: those that are healthy, and those that were not looked at yet.
    pub serving: usize,
    /// How many are wanted.
    pub wanted: usize,
    /// Why those that are missing cannot be made.
    pub trouble: Option<String>,
}

impl Live {
    fn status(&self) -> Status {
        if self.serving == 0 {
            Status::Critical
        } else if self.serving < self.wanted {
            Status::Warning
        } else {
            Status::Ok
        }
    }

    fn words(&self) -> String {
        let Self { version, percent, serving, wanted, trouble } = self;
        let share = if *percent < 100 { format!(" ({percent} %)") } else { String::new() };
        let why = trouble.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{version}{share} is live with {serving} of {wanted} containers{why}")
    }
}

/// Judges it.
#[must_use]
pub fn judge(service: &Service) -> Outcome {
    let Service { name, live, was_live, maintenance, deleting } = service;
    if live.is_empty() {
        let (status, words) = match (deleting, was_live) {
            (true, _) => (Status::Ok, "is being deleted"),
            (false, true) => (Status::Critical, "has no live version any more"),
            (false, false) => (Status::Warning, "has no live version yet"),
        };
        let text = format!("{name} {words}");
        return Outcome { subject: SUBJECT, status, text, figures: Vec::new() };
    }
    let status = live.iter().map(Live::status).max().unwrap_or(Status::Ok);
    let words: Vec<String> = live.iter().map(Live::words).collect();
    let closed = if *maintenance { ", and is closed for maintenance" } else { "" };
    let (serving, wanted) =
        live.iter().fold((0, 0), |sum, one| (sum.0 + one.serving, sum.1 + one.wanted));
    let mut figure = Figure::new("containers", serving as f64, "").out_of(wanted as f64);
    figure.warning = Some(format!("{wanted}:"));
    figure.critical = Some("1:".to_owned());
    Outcome {
        subject: SUBJECT,
        status,
        text: format!("{name}: {}{closed}", words.join(", ")),
        figures: vec![figure],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(version: u32, percent: u8, serving: usize) -> Live {
        Live { version: VersionNumber(version), percent, serving, wanted: 3, trouble: None }
    }

    fn line(change: impl FnOnce(&mut Service)) -> String {
        let mut service = Service {
            name: "shop".to_owned(),
            live: vec![live(3, 100, 3)],
            was_live: true,
            maintenance: false,
            deleting: false,
        };
        change(&mut service);
        judge(&service).to_string()
    }

    #[test]
    fn a_service_is_as_well_as_its_worst_live_version() {
        assert_eq!(
            line(|_| {}),
            "SERVICE OK: shop: v3 is live with 3 of 3 containers | containers=3;3:;1:;0;3"
        );
        assert_eq!(
            line(|shop| {
                shop.live[0].serving = 2;
                shop.live[0].trouble = Some("no host has room".to_owned());
            }),
            "SERVICE WARNING: shop: v3 is live with 2 of 3 containers (no host has room) | containers=2;3:;1:;0;3"
        );
        assert_eq!(
            line(|shop| shop.live = vec![live(3, 90, 3), live(4, 10, 0)]),
            "SERVICE CRITICAL: shop: v3 (90 %) is live with 3 of 3 containers, v4 (10 %) is live with 0 of 3 \
             containers | containers=3;6:;1:;0;6"
        );
        assert_eq!(
            line(|shop| shop.maintenance = true),
            "SERVICE OK: shop: v3 is live with 3 of 3 containers, and is closed for maintenance | \
             containers=3;3:;1:;0;3"
        );
    }

    #[test]
    fn a_service_without_a_live_version_is_told_apart() {
        let none = |was_live, deleting| {
            line(|shop| {
                (shop.live, shop.was_live, shop.deleting) = (Vec::new(), was_live, deleting);
            })
        };
        assert_eq!(none(true, false), "SERVICE CRITICAL: shop has no live version any more");
        assert_eq!(none(false, false), "SERVICE WARNING: shop has no live version yet");
        assert_eq!(none(true, true), "SERVICE OK: shop is being deleted");
    }
}
