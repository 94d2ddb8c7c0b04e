//! Lists in parts: each part carries the cursor of the next.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;

/// Which part of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next` of the part before; nothing for the first.
    pub cursor: Option<String>,
    /// At most so many, 1 to 500; 50 when nothing is said.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<u32>,
}

/// A part of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next part; nothing when this is the last.
    pub next: Option<String>,
}

const DEFAULT_LIMIT: u32 = 50;
const MOST: u32 = 500;

impl PageQuery {
    /// How many are asked for.
    ///
    /// # Errors
    /// When it is none or too many.
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MOST => Ok(limit),
            limit => Err(Problem::invalid(format!("limit is {limit}: give 1 to {MOST}"))),
        }
    }

    /// The cursor, for lists that are ordered by a number.
    ///
    /// # Errors
    /// When it is not one that was given out.
    pub fn before(&self) -> Result<Option<i64>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        cursor.parse().map(Some).map_err(|_| {
            Problem::invalid(format!(
                "cursor {cursor:?} is not one that this list gave out as `next`"
            ))
        })
    }
}

impl<T> Page<T> {
    /// A whole list.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// A part of at most `limit`, from one item more than that where there is one.
    pub fn part(mut items: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}
