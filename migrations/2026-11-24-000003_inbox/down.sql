DROP TABLE dead_letters, inbox;
