//! What a denied unit means for its whole body: the refusals of requests and answers.

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};

use super::{Bench, Outcome, ROOM_CLOSED, thirds};
use crate::collect::{EMPTY_ECHO, THIRD_SERVER};
use crate::exchange::{Face, Way};
use crate::refusal::{Blame, Refusal};
use crate::route::{Denied, Op, UnitKind};

impl Bench<'_> {
    /// Where the body is one unit, or needs this unit to mean anything, its denial is the denial of the whole.
    pub(super) fn refuse_what_lost_its_only_unit(&mut self, outcomes: &[Outcome]) {
        let op = self.scene.exchange.route.endpoint.op;
        let lost = outcomes.iter().find(|outcome| {
            let single = !outcome.pattern.ends_with("/*") || op == Op::Event;
            single && outcome.tree.is_none() && outcome.rule != EMPTY_ECHO
        });
        if let (Some(outcome), None) = (lost, &self.refusal) {
            let rule = outcome.rule.clone();
            let shows_rooms = matches!(outcome.kind, UnitKind::Alias | UnitKind::Summary);
            match (rule.as_str(), self.scene.way) {
                (ROOM_CLOSED, Way::Answer) => self.hide(&rule),
                _ if shows_rooms => self.hide(&rule),
                _ => self.refuse(&rule),
            }
        }
    }

    /// An encrypted room is not entered where its ciphertext would not cross. One that people are in already lives on.
    pub(super) fn refuse_an_encrypted_room(&mut self, encrypted: bool) {
        if encrypted && self.scene.refuses_encryption {
            let detail =
                "the room is encrypted and the link refuses that (encryption = \"refuse\")";
            let refusal = Refusal::new("protocol.encrypted_room", Blame::EncryptedRoom, detail);
            self.refusal.get_or_insert(refusal);
        }
    }

    /// A body that must hold a certain unit and lacks it means nothing (an invite without its event).
    pub(super) fn refuse_without_its_event(&mut self, outcomes: &[Outcome]) {
        let shape = match self.scene.way {
            Way::Request => &self.scene.exchange.route.endpoint.request,
            Way::Answer => &self.scene.exchange.route.endpoint.response,
        };
        let demanded = shape
            .units
            .iter()
            .filter(|(pattern, _)| !pattern.ends_with("/*"));
        let missing = demanded
            .filter(|(pattern, _)| !outcomes.iter().any(|outcome| outcome.pattern == *pattern))
            .count();
        let may_lack = self.scene.exchange.route.endpoint.op == Op::SendJoin;
        if missing > 0 && !may_lack {
            self.refuse("protocol.missing_unit");
        }
    }

    /// A room with members of servers that neither zone knows cannot be joined, whoever joins and whoever answers.
    pub(super) fn refuse_a_room_with_strangers(&mut self, fields: &CanonicalJsonObject) {
        let Some(CanonicalJsonValue::Array(servers)) = fields.get("servers_in_room") else {
            return;
        };
        let may_be_there = |server: &str| thirds::admits(self.scene, server);
        if !servers
            .iter()
            .all(|server| server.as_str().is_some_and(may_be_there))
        {
            self.refuse(THIRD_SERVER);
        }
    }

    /// The gateway asks for all members. An answer that leaves some out all the same hides whether a third server's are
    /// among them, and would keep our homeserver from answering for the room until it has fetched them.
    pub(super) fn refuse_omitted_members(&mut self, fields: &CanonicalJsonObject) {
        if fields.get("members_omitted") == Some(&CanonicalJsonValue::Bool(true)) {
            self.refuse("protocol.members_omitted");
        }
    }

    /// In `/send` a closed room costs its own events only; elsewhere the whole answer would be of that room.
    pub(super) fn refuse_closed_room(&mut self, rule: &str) {
        match (self.scene.exchange.route.endpoint.op, self.scene.way) {
            (Op::Send, _) => {}
            (Op::SendJoin | Op::MakeJoin | Op::Invite, _) | (_, Way::Request) => self.refuse(rule),
            (_, Way::Answer) => self.hide(rule),
        }
    }

    /// What a closed room holds is not there.
    fn hide(&mut self, rule: &str) {
        let detail = "the room is closed on this link, or may not be known there";
        self.refusal
            .get_or_insert(Refusal::new(rule, Blame::NotFound, detail));
    }

    pub(super) fn refuse(&mut self, rule: &str) {
        let exchange = self.scene.exchange;
        if (exchange.route.endpoint.denied, exchange.face) == (Denied::Hidden, Face::Border) {
            return self.hide(rule);
        }
        let detail = format!(
            "{} denied by {rule}",
            self.scene.exchange.route.endpoint.op.as_str()
        );
        self.refusal.get_or_insert(Refusal::forbidden(rule, detail));
    }
}
