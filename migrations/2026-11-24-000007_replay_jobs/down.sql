DROP TABLE replay_items, replay_jobs;
