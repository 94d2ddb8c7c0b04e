//! A record, understood.

use launcher_model::{ServiceName, VersionNumber};

use super::fields::{duration_us, number, text, whole};
use super::line::Line;
use super::{Counts, Fields, Left, Place, Places, Request};

/// What a record tells that was made at a time, in seconds since 1970.
///
/// # Errors
/// Why it is no request of ours.
pub fn read(
    fields: &dyn Fields,
    time: f64,
    places: &Places,
    counts: Counts,
) -> Result<Request, Left> {
    if is_of_an_edge(fields) {
        return match counts {
            Counts::Edges => Err(Left::OfAnEdge),
            Counts::Records => of_an_edge(fields, time, places),
        };
    }
    // What a container prints is the engine's to attribute, whatever the line says of itself.
    let container = text(fields, "container_id").and_then(|id| places.container(id));
    let line = || text(fields, "log").or_else(|| text(fields, "message"));
    // What has a status says it itself, and words for people beside it.
    let Some(printed) = fields.get("status").map_or_else(line, |_| None) else {
        return request(fields, time, whose(fields, container, places)?);
    };
    let line = Line::read(printed).ok_or(Left::NoAccess)?;
    let said = line.fields();
    // Our own container, where the engine's log driver brings it, or one of somebody else's, in front of
    // ours.
    let place = match container {
        Some(place) => place.clone(),
        None => whose(said, None, places)?,
    };
    request(said, time, place).map_err(|left| match (left, &line) {
        // Containers print JSON of all kinds.
        (Left::NoStatus, Line::Json(_)) => Left::NoAccess,
        (left, _) => left,
    })
}

/// Whether it is as our own edges write it.
fn is_of_an_edge(fields: &dyn Fields) -> bool {
    text(fields, "edge").is_some() && number(fields, "duration_us").is_some()
}

fn of_an_edge(fields: &dyn Fields, time: f64, places: &Places) -> Result<Request, Left> {
    let whose = whose(fields, None, places);
    if fields.get("status").is_none() {
        return Err(Left::Unanswered);
    }
    // Its time is that of its beginning.
    let took = whole(fields, "duration_us").unwrap_or(0);
    let mut request = request(fields, time + took as f64 / 1e6, whose?)?;
    // What an upgraded connection takes says nothing of how quick anything is.
    request.took_us = request.took_us.filter(|_| request.status != 101);
    Ok(request)
}

/// Whose it is: what it says itself, or whose container it names.
fn whose(fields: &dyn Fields, container: Option<&Place>, places: &Places) -> Result<Place, Left> {
    if let Some(service) = text(fields, "service") {
        let place = named(service, fields).ok_or(Left::Unknown)?;
        return if places.has(&place) { Ok(place) } else { Err(Left::Unknown) };
    }
    let by_id = || text(fields, "container_id").and_then(|id| places.container(id));
    let by_address = || text(fields, "upstream_addr").and_then(|at| upstream(at, places));
    container.or_else(by_id).or_else(by_address).cloned().ok_or(Left::Nobodys)
}

fn named(service: &str, fields: &dyn Fields) -> Option<Place> {
    let service = ServiceName::new(service).ok()?;
    let number = match text(fields, "version") {
        Some(text) => text.strip_prefix('v').unwrap_or(text).parse().ok()?,
        None => u32::try_from(whole(fields, "version")?).ok()?,
    };
    Some(Place { service, version: VersionNumber(number) })
}

/// Who has answered, where nginx names all that it has asked, in their order: `192.168.1.1:80,
/// 192.168.1.2:80 : 192.168.10.1:80` (`$upstream_addr` of ngx_http_upstream_module).
fn upstream<'p>(addresses: &str, places: &'p Places) -> Option<&'p Place> {
    let last = addresses.rsplit([',', ' ']).find(|part| !part.is_empty())?;
    places.address(last.parse().ok()?)
}

fn request(fields: &dyn Fields, time: f64, place: Place) -> Result<Request, Left> {
    let status = whole(fields, "status").and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| (100..600).contains(status)).ok_or(Left::NoStatus)?;
    let first = |names: [&str; 2]| names.iter().find_map(|name| whole(fields, name));
    Ok(Request {
        place,
        at: time.floor() as i64,
        status,
        took_us: took_us(fields),
        received: first(["bytes_received", "request_length"]).unwrap_or(0),
        sent: first(["body_bytes_sent", "bytes_sent"]).unwrap_or(0),
        again: whole(fields, "sent_again").unwrap_or(0),
    })
}

fn took_us(fields: &dyn Fields) -> Option<u64> {
    let told = || duration_us(fields, "request_time").or_else(|| duration_us(fields, "duration"));
    whole(fields, "duration_us").or_else(told)
}
