//! The schema's history.

use std::path::Path;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqliteConnection};

use super::fault::explain;
use crate::{Error, Result};

/// Every step that was ever released, in order. None is ever changed; a new one is added behind.
const STEPS: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("../../migrations/sqlite/0001_first.sql")),
    (2, "what a key made", include_str!("../../migrations/sqlite/0002_what_a_key_made.sql")),
    (3, "edges", include_str!("../../migrations/sqlite/0003_edges.sql")),
    (4, "deletion", include_str!("../../migrations/sqlite/0004_deletion.sql")),
    (5, "maintenance", include_str!("../../migrations/sqlite/0005_maintenance.sql")),
    (6, "builds", include_str!("../../migrations/sqlite/0006_builds.sql")),
    (7, "images", include_str!("../../migrations/sqlite/0007_images.sql")),
    (8, "branches", include_str!("../../migrations/sqlite/0008_branches.sql")),
    (
        9,
        "automatic deployments",
        include_str!("../../migrations/sqlite/0009_automatic_deployments.sql"),
    ),
    (10, "upstream", include_str!("../../migrations/sqlite/0010_upstream.sql")),
    (11, "hosts", include_str!("../../migrations/sqlite/0011_hosts.sql")),
    (12, "told", include_str!("../../migrations/sqlite/0012_told.sql")),
    (13, "token roles", include_str!("../../migrations/sqlite/0013_token_roles.sql")),
    (14, "people", include_str!("../../migrations/sqlite/0014_people.sql")),
    (15, "openid", include_str!("../../migrations/sqlite/0015_openid.sql")),
    (16, "commits", include_str!("../../migrations/sqlite/0016_commits.sql")),
    (17, "certificates", include_str!("../../migrations/sqlite/0017_certificates.sql")),
    (18, "certificates asked", include_str!("../../migrations/sqlite/0018_certificates_asked.sql")),
];

/// Brings a database to the newest schema.
pub(super) async fn migrate(connection: &mut SqliteConnection, file: &Path) -> Result<()> {
    migrate_to(connection, file, i64::MAX).await
}

/// Brings a database to the schema of a step.
pub(super) async fn migrate_to(
    connection: &mut SqliteConnection,
    file: &Path,
    last: i64,
) -> Result<()> {
    let steps = STEPS.iter().filter(|(number, ..)| *number <= last);
    let steps = steps.map(|(number, name, sql)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let run = Migrator::with_migrations(steps.collect()).run(connection).await;
    run.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            explain(error, file, "bringing its schema up to date")
        }
        MigrateError::VersionMissing(step) => unusable(
            file,
            format!(
                "a newer version of this program wrote it (schema {step}); install that one again"
            ),
        ),
        other => unusable(file, other.to_string()),
    })
}

fn unusable(file: &Path, why: String) -> Error {
    Error::File { what: "used", file: file.to_owned(), why }
}
