//! The answers to attacks.

use serde::{Deserialize, Serialize};

use super::probe::Session;
use super::{Attack, Attacker, Class};
use crate::check::Verdict;

/// The answer to an attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttackResult {
    /// The attacked relation, or what else was attacked.
    pub relation: String,
    /// The application's role.
    pub role: String,
    /// What was tried.
    pub class: Class,
    /// What was done, in a few words.
    pub name: String,
    /// Who attacked; none without a tenant.
    pub me: Option<String>,
    /// Whose rows.
    pub victim: String,
    /// The statement.
    pub statement: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What happened.
    pub detail: String,
    /// Rows of the relation.
    pub rows: i64,
}

impl AttackResult {
    /// Whether the verification fails by it. An empty relation cannot be proven and does not fail.
    #[must_use]
    pub fn fails(&self) -> bool {
        match self.verdict {
            Verdict::Leak | Verdict::Fail => true,
            Verdict::Unproven => self.rows > 0,
            Verdict::Inconclusive | Verdict::Pass => false,
        }
    }
}

/// What the attacks have shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Who attacked.
    pub attackers: Vec<Attacker>,
    /// What happened.
    pub attacks: Vec<AttackResult>,
    /// What the attacks may leave behind, and what else should be known of them.
    pub notes: Vec<String>,
}

/// Where an attack takes place.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The relation, or what else is attacked.
    pub(super) relation: String,
    /// Whose rows.
    pub(super) victim: String,
    /// Rows of the relation.
    pub(super) rows: i64,
    /// What must be said of every result, such as that the row was thought up.
    pub(super) remark: Option<&'static str>,
}

impl Place {
    pub(super) fn result(&self, session: &Session, attack: &Attack, (verdict, detail): (Verdict, String)) -> AttackResult {
        let remark = self.remark.map_or(String::new(), |remark| format!("; {remark}"));
        AttackResult {
            relation: self.relation.clone(),
            role: session.attacker.role.clone(),
            class: attack.class,
            name: attack.name.clone(),
            me: attack.me.as_ref().map(|key| key.text.clone()),
            victim: self.victim.clone(),
            statement: attack.statement.text().to_owned(),
            verdict,
            detail: detail + &remark,
            rows: self.rows,
        }
    }

    /// What could not be attacked.
    pub(super) fn unproven(&self, role: &str, class: Class, name: &str, reason: &str) -> AttackResult {
        AttackResult {
            relation: self.relation.clone(),
            role: role.to_owned(),
            class,
            name: name.to_owned(),
            me: None,
            victim: self.victim.clone(),
            statement: String::new(),
            verdict: Verdict::Unproven,
            detail: reason.to_owned(),
            rows: self.rows,
        }
    }
}

/// An attack and where it takes place.
#[derive(Clone, Debug)]
pub(super) struct Bout {
    pub(super) place: Place,
    pub(super) attack: Attack,
}
