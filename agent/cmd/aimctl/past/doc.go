// Package past is what aimctl config history, diff and edit think, without
// their files and flags: what was in force (List, Write), how two
// configurations differ (Compare), and who has edited one (Notes).
//
// What it shows may come from anybody: nothing of it reaches a terminal that
// could move the cursor.
package past
