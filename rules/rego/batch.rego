# METADATA
# title: Many units in one call
# description: >-
#   The entry point that the gateway calls. Each unit is judged as `input` of its own, so that a rule cannot see its
#   neighbours. Answers are keyed by index; a unit without an answer is missing here and is denied by the gateway.
package sluice.batch

decisions[index] := decision if {
	some i, facts in input.events
	index := format_int(i, 10)
	decision := data.sluice.release.decision with input as facts with data.sluice.tables.sound as sound
}

# Of data alone (tables.rego), and so asked once a call and not once a unit.
default sound := set()

sound := data.sluice.tables.sound
