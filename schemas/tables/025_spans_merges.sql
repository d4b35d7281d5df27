-- Merges of sixteen parts where eight were read (tables/010): a row is written anew twice and not three times before it is in a part of
-- 150 MB, a quarter of what merging a span takes. The memory of a merge is that of its granules, 20 MB more.
ALTER TABLE spanledger.spans MODIFY SETTING max_parts_to_merge_at_once = 16, merge_selector_base = 16
