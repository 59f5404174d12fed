package sluice.release_test

import data.sluice.batch
import data.sluice.release

# The ordinary world: alice of zone high sends bob of zone low a message that nothing speaks against.
settings := {
	"dlp": {
		"ordinary": [
			{"detector": "de.*", "strength": "medium", "action": "redact"},
			{"detector": "de.iban", "action": "log"},
			{"detector": "de.iban", "strength": "medium", "distinct": 3, "direction": "outbound", "action": "hold"},
			{"detector": "de.iban", "strength": "medium", "distinct_in_hour": 5, "action": "hold"},
			{"detector": "marking.*", "strength": "medium", "mislabelled": true, "action": "redact"},
			{"detector": "note.seen", "action": "log"},
			{"detector": "link.far", "action": "wait", "checks": ["links"]},
			{"detector": "file.odd", "action": "wait", "checks": ["scanner", "links"]},
			{"detector": "virus.known", "action": "drop"},
		],
		"cleared for nothing": [{"detector": "*", "strength": "medium", "action": "redact"}],
	},
	"links": {
		"high->low": {"dlp": "ordinary"},
		"*": {"dlp": "cleared for nothing"},
	},
}

open_clearance := {"PolicyIdentifier": {"name": "SAMPLE"}, "ClassificationList": ["OPEN"], "Category": []}

message := {
	"kind": "pdu",
	"link": {
		"name": "high->low",
		"from": "high",
		"to": "low",
		"direction": "outbound",
		"edus": ["m.typing"],
		"opens": [],
		"profile_fields": ["displayname", "avatar_url"],
		"require_label": "event",
		"clearances": [{"of": "peer", "clearance": open_clearance}],
	},
	"event": {"type": "m.room.message", "sender": "@alice:high.test", "content": {"body": "hello bob"}},
	"room": {"version": "12", "label": null, "clearance": null},
	"label": {
		"source": "event",
		"classification": "OPEN",
		"granted": true,
		"rule": "granted",
		"label": {"PolicyIdentifier": {"name": "SAMPLE"}, "Classification": "OPEN", "Category": []},
		"translated": null,
		"notes": [],
	},
	"findings": [],
}

with_kind(kind, type, content) := object.union(object.remove(message, ["event"]), {
	"kind": kind,
	"event": {"type": type, "sender": "@alice:high.test", "content": content},
})

finding(detector, strength) := {
	"detector": detector,
	"strength": strength,
	"field": "/event/content/body",
	"key": false,
	"start": 0,
	"end": 5,
	"view": "raw",
	"values": ["00"],
	"count": 1,
	"distinct": 1,
	"distinct_in_hour": 1,
	"marking": null,
}

with_findings(findings) := object.union(message, {"findings": findings})

with_finding(detector, strength) := with_findings([finding(detector, strength)])

judge(facts) := answer if {
	answer := release.decision with input as facts with data.settings as settings
}

test_a_message_is_released if judge(message) == {"verdict": "release", "rule": "event"}

test_a_link_without_a_row_takes_the_strictest if {
	other := object.union(with_finding("some.new_detector", "medium"), {"link": {"name": "low->far"}})
	judge(other) == {"verdict": "redact", "rule": "dlp.some.new_detector"}
}

test_typing_is_released_where_listed if judge(with_kind("edu", "m.typing", {})).verdict == "release"

test_presence_is_dropped if {
	judge(with_kind("edu", "m.presence", {})) == {"verdict": "drop", "rule": "edu_not_allowed"}
}

test_profile_fields_are_listed if {
	judge(with_kind("profile", "profile", {"displayname": "alice"})).verdict == "release"
	judge(with_kind("profile", "profile", {"m.tz": "x"})) == {"verdict": "drop", "rule": "profile_field_not_allowed"}
}

test_a_label_that_is_not_granted_is_never_released if {
	judge(object.union(message, {"label": {"granted": false}})) == {"verdict": "redact", "rule": "label_not_granted"}
}

test_a_grant_by_no_clearance_is_never_released if {
	unasked := object.union(message, {"link": {"clearances": []}})
	judge(unasked) == {"verdict": "redact", "rule": "label_without_clearance"}
	unlabelled := object.union(unasked, {"label": {"granted": null, "source": "none", "label": null}})
	judge(unlabelled).verdict == "release"
}

opening(words) := object.union(message, {"link": object.union(message.link, {"opens": words})})

found(kind, words) := judge(object.union(opening(words), {"kind": kind}))

test_what_shows_rooms_is_refused_where_the_link_does_not_open_it if {
	every kind in ["directory", "alias", "summary"] {
		found(kind, ["knock"]) == {"verdict": "drop", "rule": concat("_", [kind, "not_allowed"])}
	}
}

test_what_shows_rooms_is_released_where_the_link_opens_it if {
	found("directory", ["public_rooms"]) == {"verdict": "release", "rule": "directory"}
	found("alias", ["aliases"]) == {"verdict": "release", "rule": "alias"}
	found("summary", ["hierarchy"]) == {"verdict": "release", "rule": "summary"}
	found("alias", ["public_rooms", "hierarchy", "knock"]).verdict == "drop"
}

test_a_link_that_does_not_say_what_it_opens_opens_nothing if {
	silent := json.remove(object.union(message, {"kind": "directory"}), ["/link/opens"])
	judge(silent).verdict == "drop"
}

test_every_other_kind_is_released_by_its_name if {
	some kind in ["stripped_state", "template", "device_list", "keys", "claim", "key_document", "ids", "search"]
	judge(with_kind(kind, "", {})) == {"verdict": "release", "rule": kind}
}

test_an_unknown_kind_has_no_answer if {
	not judge(with_kind("media", "", {}))
}

test_no_facts_have_no_answer if {
	not judge({})
}

test_facts_with_a_gap_have_no_answer if {
	every gap in ["/label", "/findings", "/label/granted", "/label/notes", "/link/clearances"] {
		not judge(json.remove(message, [gap]))
	}
}

test_a_batch_keeps_its_order_and_leaves_out_the_undecided if {
	answers := batch.decisions with input as {"events": [message, {}, with_kind("edu", "m.presence", {})]}
		with data.settings as settings
	answers == {
		"0": {"verdict": "release", "rule": "event"},
		"2": {"verdict": "drop", "rule": "edu_not_allowed"},
	}
}
