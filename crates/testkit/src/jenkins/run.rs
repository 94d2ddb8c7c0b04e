//! One run, and what is told of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::BELIEVED;

/// One run, from the queue on.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// What it was given.
    pub parameters: BTreeMap<String, String>,
    /// How it has ended.
    pub result: Option<String>,
    /// Its number in the queue.
    pub(super) item: u64,
    /// So often it was asked whether its turn has come.
    pub(super) asked: u32,
    /// Its number, once its turn has come.
    pub(super) number: Option<u64>,
    pub(super) log: String,
}

impl Run {
    pub(super) fn waits(&self) -> bool {
        self.number.is_none() && self.result.is_none()
    }

    fn actions(&self) -> Value {
        let all = self.parameters.iter();
        let all = all.map(|(name, value)| {
            json!({ "_class": "hudson.model.StringParameterValue", "name": name, "value": value })
        });
        json!([
            { "_class": "hudson.model.ParametersAction", "parameters": all.collect::<Vec<_>>() },
            { "_class": "hudson.model.CauseAction",
              "causes": [{ "shortDescription": "Started by user launcher", "userId": "launcher" }] },
            {}
        ])
    }

    pub(super) fn queued(&self) -> Value {
        let mut told = json!({
            "_class": "hudson.model.Queue$WaitingItem",
            "id": self.item,
            "actions": self.actions(),
            "blocked": false, "buildable": false, "stuck": false,
            "inQueueSince": 1_700_000_000_000_u64,
            "task": { "name": "shop", "url": format!("{BELIEVED}/job/web/job/shop/") },
            "url": format!("queue/item/{}/", self.item),
            "why": "Waiting for next available executor"
        });
        if let Some(number) = self.number {
            told["_class"] = json!("hudson.model.Queue$LeftItem");
            told["why"] = Value::Null;
            told["cancelled"] = json!(false);
            told["executable"] = json!({ "number": number, "url": page(number) });
        } else if self.result.is_some() {
            told["_class"] = json!("hudson.model.Queue$LeftItem");
            told["why"] = Value::Null;
            told["cancelled"] = json!(true);
        }
        told
    }

    pub(super) fn told(&self, number: u64) -> Value {
        json!({
            "_class": "hudson.model.FreeStyleBuild",
            "actions": self.actions(),
            "building": self.result.is_none(),
            "displayName": format!("#{number}"),
            "fullDisplayName": format!("web » shop #{number}"),
            "id": number.to_string(),
            "number": number,
            "queueId": self.item,
            "result": self.result,
            "timestamp": 1_700_000_000_000_u64,
            "url": page(number)
        })
    }
}

fn page(number: u64) -> String {
    format!("{BELIEVED}/job/web/job/shop/{number}/")
}
