"""Very many photos: shared among workers, on this machine or several, from and to disks or stores.

`work_items` finds what there is to do, `completed` what is done already. A pool is this process, `processes`
of this machine, or `ray_pool`: actors over Ray Data. `dispatcher` hands out, retries, and counts.
"""
