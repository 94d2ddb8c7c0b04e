//! Ids of tasks, instances, deployments and agents.

use rand::RngExt as _;

use crate::version::Version;

/// A random UUID of version 4 (RFC 9562, section 5.4).
pub(crate) fn uuid() -> String {
    let bits =
        (rand::rng().random::<u128>() & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let mut parts = Vec::with_capacity(5);
    let mut rest = hex.as_str();
    for length in [8, 4, 4, 4, 12] {
        let (part, after) = rest.split_at(length);
        parts.push(part);
        rest = after;
    }
    parts.join("-")
}

/// How an app's id is written within ids of tasks: `/a/b` is `a_b`.
pub(crate) fn safe_path(app: &str) -> String {
    app.trim_matches('/').replace('/', "_")
}

/// The app's id within the id of a task or an instance.
pub(crate) fn app_of(id: &str) -> Option<String> {
    let (path, rest) = id.split_once('.')?;
    (!path.is_empty() && !rest.is_empty()).then(|| format!("/{}", path.replace('_', "/")))
}

/// An instance: what lives on in its incarnations from 1.8 on, and is the same as a task before 1.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstanceId {
    app: String,
    uuid: String,
}

impl InstanceId {
    /// A new instance of an app.
    pub(crate) fn new(app: &str) -> Self {
        Self { app: safe_path(app), uuid: uuid() }
    }

    /// As events and health results write it.
    pub(crate) fn written(&self, version: Version) -> String {
        let Self { app, uuid } = self;
        if version.is_late() {
            format!("{app}.instance-{uuid}")
        } else if version.has_instances() {
            format!("{app}.marathon-{uuid}")
        } else {
            format!("{app}.{uuid}")
        }
    }

    /// The id of its task of that incarnation, which counts from 1.
    pub(crate) fn task(&self, version: Version, incarnation: u32) -> String {
        let Self { app, uuid } = self;
        if version.is_late() {
            format!("{app}.instance-{uuid}._app.{incarnation}")
        } else {
            format!("{app}.{uuid}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shape_of_their_version() {
        let id = InstanceId { app: safe_path("/shop/web"), uuid: "u".to_owned() };
        let shapes = |version: &str| {
            let version = version.parse().unwrap();
            (id.written(version), id.task(version, 2))
        };
        let expected = |instance: &str, task: &str| (instance.to_owned(), task.to_owned());
        assert_eq!(shapes("1.1"), expected("shop_web.u", "shop_web.u"));
        assert_eq!(shapes("1.4"), expected("shop_web.marathon-u", "shop_web.u"));
        assert_eq!(shapes("1.9"), expected("shop_web.instance-u", "shop_web.instance-u._app.2"));
        assert_eq!(app_of("shop_web.u").as_deref(), Some("/shop/web"));
        assert_eq!(app_of("nonsense"), None);
    }

    #[test]
    fn a_uuid_says_its_version() {
        let id = uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_ne!(id, uuid());
    }
}
