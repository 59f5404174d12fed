package sluice.release_test

import data.sluice.batch
import data.sluice.release

# The ordinary world: alice of zone high sends bob of zone low a message that nothing speaks against.
settings := {"links": {
	"high->low": {
		"dlp": [
			{"detector": "de.iban", "strength": "medium", "unless_label": []},
			{"detector": "marking.geheim", "strength": "low", "unless_label": []},
			{"detector": "marking.*", "strength": "high", "unless_label": ["VS-NFD"]},
		],
		"profile_fields": ["displayname", "avatar_url"],
		"directory": false,
		"summary": false,
	},
	"*": {
		"dlp": [{"detector": "*", "strength": "low", "unless_label": []}],
		"profile_fields": [],
		"directory": false,
		"summary": false,
	},
}}

open_clearance := {"PolicyIdentifier": {"name": "SAMPLE"}, "ClassificationList": ["OPEN"], "Category": []}

message := {
	"kind": "pdu",
	"link": {
		"name": "high->low",
		"from": "high",
		"to": "low",
		"direction": "outbound",
		"edus": ["m.typing"],
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

with_finding(detector, strength) := object.union(message, {"findings": [{
	"detector": detector,
	"strength": strength,
	"field": "/content/body",
	"view": "raw",
}]})

judge(facts) := answer if {
	answer := release.decision with input as facts with data.settings as settings
}

test_a_message_is_released if judge(message) == {"verdict": "release", "rule": "event"}

test_an_iban_is_redacted if judge(with_finding("de.iban", "medium")) == {"verdict": "redact", "rule": "dlp.de.iban"}

test_a_weak_iban_is_released if judge(with_finding("de.iban", "low")).verdict == "release"

test_an_unknown_strength_counts_as_high if judge(with_finding("de.iban", "sure")).verdict == "redact"

test_a_detector_that_no_row_names_is_redacted if {
	judge(with_finding("new.detector", "low")) == {"verdict": "redact", "rule": "dlp.new.detector"}
}

test_a_marking_is_redacted_whatever_its_strength if {
	judge(with_finding("marking.geheim", "low")) == {"verdict": "redact", "rule": "dlp.marking.geheim"}
}

test_a_marking_may_stand_under_its_own_label if {
	marked := with_finding("marking.vs_nfd", "high")
	judge(marked).verdict == "redact"
	judge(object.union(marked, {"label": {"classification": "VS-NFD"}})).verdict == "release"
	judge(object.union(marked, {"label": {"classification": "VS-NFD", "granted": null}})).verdict == "redact"
}

test_a_finding_in_a_profile_drops_it if {
	profile := object.union(with_kind("profile", "profile", {"displayname": "x"}), {"findings": [{
		"detector": "marking.geheim",
		"strength": "high",
		"field": "/displayname",
		"view": "raw",
	}]})
	judge(profile) == {"verdict": "drop", "rule": "dlp.marking.geheim"}
}

test_a_link_without_a_row_takes_the_strictest if {
	other := object.union(with_finding("some.new_detector", "low"), {"link": {"name": "low->far"}})
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

test_directory_and_summary_are_refused if {
	judge(with_kind("directory", "", {})) == {"verdict": "drop", "rule": "directory_not_allowed"}
	judge(with_kind("summary", "", {})) == {"verdict": "drop", "rule": "summary_not_allowed"}
}

test_every_other_kind_is_released_by_its_name if {
	some kind in ["stripped_state", "template", "device_list", "keys", "claim", "key_document", "ids"]
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

test_a_row_with_a_gap_is_the_strictest if {
	answer := release.decision with input as with_finding("de.iban", "low")
		with data.settings as {"links": {"*": {"dlp": [{}]}}}
	answer.rule == "dlp.de.iban"
}

test_no_table_no_release if {
	not release.decision with input as message with data.settings as {"links": {"*": {}}}
}

test_a_batch_keeps_its_order_and_leaves_out_the_undecided if {
	answers := batch.decisions with input as {"events": [message, {}, with_kind("edu", "m.presence", {})]}
		with data.settings as settings
	answers == {
		"0": {"verdict": "release", "rule": "event"},
		"2": {"verdict": "drop", "rule": "edu_not_allowed"},
	}
}
