"""Very many photos: shared among workers, on this machine or several, from and to disks or stores.

`errands` finds what there is to do, `ledger` what is done already. A `crew` is this process, `processes` of
this machine, or `rays`: actors over Ray Data. `drive` hands out, tries again, and counts.
"""
