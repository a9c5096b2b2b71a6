"""Many photos: collected from disks and stores, stylized by one process or shared among workers.

`inputs` finds the photos and decides where their pictures go. `pipeline` stylizes them in one process: it
reads, applies the network and writes at the same time. `dispatcher` shares work items among the workers of a
pool: this process and processes of this machine (`pools`), or Ray actors on several (`ray_pool`). `completed`
knows what earlier runs made, `filesystems` reads and writes stores such as S3.
"""
