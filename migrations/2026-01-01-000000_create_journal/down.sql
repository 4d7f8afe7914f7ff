DROP TABLE events, control, backups, fill_chunks, steps, runs;
