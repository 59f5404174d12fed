package sluice.findings_test

import data.sluice.batch
import data.sluice.release
import data.sluice.release_test.finding
import data.sluice.release_test.judge
import data.sluice.release_test.message
import data.sluice.release_test.settings
import data.sluice.release_test.with_finding
import data.sluice.release_test.with_findings
import data.sluice.release_test.with_kind

entering(facts) := object.union(facts, {"link": {"direction": "inbound"}})

numbered(detector, numbers) := with_findings([object.union(finding(detector, "medium"), numbers)])

marked(strength, mislabelled) := with_findings([object.union(finding("marking.geheim", strength), {"marking": {
	"policy": "SAMPLE",
	"classification": "GEHEIM",
	"mislabelled": mislabelled,
}})])

test_a_tax_id_is_redacted if {
	judge(with_finding("de.steuer_id", "medium")) == {"verdict": "redact", "rule": "dlp.de.steuer_id"}
}

test_a_weak_tax_id_is_released if judge(with_finding("de.steuer_id", "low")).verdict == "release"

test_an_unknown_strength_counts_as_high if judge(with_finding("de.steuer_id", "sure")).verdict == "redact"

test_one_iban_is_released_and_three_different_ones_wait if {
	judge(with_finding("de.iban", "high")) == {"verdict": "release", "rule": "event"}
	judge(numbered("de.iban", {"distinct": 2, "distinct_in_hour": 2})).verdict == "release"
	judge(numbered("de.iban", {"distinct": 3, "distinct_in_hour": 3})) == {"verdict": "hold", "rule": "dlp.de.iban"}
}

test_the_fifth_iban_of_a_room_and_hour_waits if {
	judge(numbered("de.iban", {"distinct_in_hour": 4})).verdict == "release"
	judge(numbered("de.iban", {"distinct_in_hour": 5})) == {"verdict": "hold", "rule": "dlp.de.iban"}
}

test_a_row_of_one_direction_says_nothing_about_the_other if {
	three := numbered("de.iban", {"distinct": 3})
	judge(three) == {"verdict": "hold", "rule": "dlp.de.iban"}
	judge(entering(three)) == {"verdict": "release", "rule": "event"}
	judge(entering(numbered("de.iban", {"distinct_in_hour": 5}))).verdict == "hold"
	judge(entering(with_finding("de.steuer_id", "medium"))).verdict == "redact"
}

test_a_finding_that_only_rows_of_the_other_direction_name_is_denied if {
	outward := object.union(settings, {"dlp": {"ordinary": [{
		"detector": "de.iban",
		"direction": "outbound",
		"action": "log",
	}]}})
	left := with_finding("de.iban", "high")
	judge_under(left, outward).verdict == "release"
	judge_under(entering(left), outward) == {"verdict": "redact", "rule": "dlp.de.iban"}
}

judge_under(facts, tables) := answer if {
	answer := release.decision with input as facts with data.settings as tables
}

test_facts_without_a_direction_release_nothing if {
	not judge(object.union(object.remove(message, ["link"]), {"link": object.remove(message.link, ["direction"])}))
}

test_what_waits_for_checks_waits_for_all_of_them if {
	judge(with_finding("link.far", "low")) == {"verdict": "hold", "rule": "dlp.link.far", "checks": ["links"]}
	both := [finding("link.far", "low"), finding("file.odd", "low")]
	judge(with_findings(both)) == {"verdict": "hold", "rule": "dlp.file.odd", "checks": ["links", "scanner"]}
}

test_a_person_counts_before_a_check if {
	three := object.union(finding("de.iban", "medium"), {"distinct": 3})
	judge(with_findings([three, finding("link.far", "low")])) == {"verdict": "hold", "rule": "dlp.de.iban"}
}

test_an_own_name_counts_before_a_family if judge(with_finding("de.iban", "medium")).verdict == "release"

test_the_most_severe_of_all_findings_decides if {
	three := object.union(finding("de.iban", "medium"), {"distinct": 3})
	judge(with_findings([three, finding("de.kvnr", "high")])) == {"verdict": "redact", "rule": "dlp.de.kvnr"}
	judge(with_findings([finding("virus.known", "low"), finding("de.kvnr", "high")])).verdict == "drop"
}

test_a_detector_that_no_row_names_is_redacted if {
	judge(with_finding("new.detector", "low")) == {"verdict": "redact", "rule": "dlp.new.detector"}
}

test_a_marking_above_its_label_is_redacted if {
	judge(marked("medium", true)) == {"verdict": "redact", "rule": "dlp.marking.geheim"}
	judge(marked("low", true)).verdict == "release"
	judge(marked("high", false)).verdict == "release"
}

test_a_finding_in_a_profile_drops_it if {
	profile := object.union(with_kind("profile", "profile", {"displayname": "x"}), {"findings": [
		finding("de.kvnr", "high"),
	]})
	judge(profile) == {"verdict": "drop", "rule": "dlp.de.kvnr"}
}

test_what_is_no_event_cannot_wait if {
	three := object.union(finding("de.iban", "medium"), {"distinct": 3})
	edu := object.union(with_kind("edu", "m.typing", {}), {"findings": [three]})
	judge(edu) == {"verdict": "drop", "rule": "dlp.de.iban"}
}

test_an_objection_is_stricter_than_waiting if {
	waiting := numbered("de.iban", {"distinct": 3})
	judge(object.union(waiting, {"label": {"granted": false}})).verdict == "redact"
}

test_a_row_with_a_gap_is_stricter if {
	strict := object.union(settings, {"dlp": {"ordinary": [{"detector": "de.iban"}]}})
	answer := release.decision with input as with_finding("de.iban", "low") with data.settings as strict
	answer == {"verdict": "redact", "rule": "dlp.de.iban"}
}

test_a_row_of_another_shape_releases_nothing if {
	every row in [
		{"detector": "de.iban", "distinct": "3", "action": "hold"},
		{"detector": "de.iban", "strength": "meduim", "action": "redact"},
		{"detector": "de.iban", "distinkt": 3, "action": "hold"},
		{"detector": "de.iban", "action": "hald"},
		{"detector": "de.iban", "action": "wait"},
		{"detector": "de.iban", "action": "wait", "checks": []},
		{"detector": "de.iban", "action": "hold", "checks": ["scanner"]},
		{"detector": "de.iban", "mislabelled": "yes", "action": "redact"},
		{"detector": "de.iban", "direction": "out", "action": "redact"},
	] {
		wrong := object.union(settings, {"dlp": {"ordinary": [row]}})
		not release.decision with input as message with data.settings as wrong
		answers := batch.decisions with input as {"events": [message, message]} with data.settings as wrong
		answers == {}
	}
}

test_a_marking_of_no_loaded_policy_is_denied if {
	judge(with_finding("marking.fr_special_france", "high")).verdict == "redact"
	judge(with_finding("marking.fr_special_france", "low")).verdict == "release"
}

test_a_row_without_a_name_releases_nothing if {
	nameless := object.union(settings, {"dlp": {"ordinary": [{"action": "log"}]}})
	not release.decision with input as message with data.settings as nameless
}

test_a_table_that_is_not_there_releases_nothing if {
	missing := object.union(settings, {"links": {"high->low": {"dlp": "no such table"}}})
	not release.decision with input as message with data.settings as missing
}

test_findings_with_a_gap_have_no_answer if {
	every gap in ["detector", "distinct", "distinct_in_hour", "marking"] {
		not judge(with_findings([object.remove(finding("note.seen", "high"), [gap])]))
	}
}
