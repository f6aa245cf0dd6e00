package models

import "github.com/aim-control/aimlock/firmware/durable"

// Protocols are all of them.
var Protocols = []Protocol{
	replaceWith("Replace", durable.Replace),
	replaceWith("Stage and Switch", stageAndSwitch),
	slotsAfter("Slots", 0, false),
	slotsAfter("Slots, after a killed writer", 2, true),
	journalAfter("Journal", 0, false, 3),
	journalAfter("Journal, after a killed writer", 1, true, 1),
	journalAfter("Journal, after a killed maker", 0, true, 1),
	storePlay("Store: a patch", nothing, second),
	storePlay("Store: a trial taken back", onTrial, takenBack),
	storePlay("Store: a patch taken back", second, restored),
	epochAfter("Epoch: the first grant", 0),
	epochAfter("Epoch: the third grant", 2),
}
