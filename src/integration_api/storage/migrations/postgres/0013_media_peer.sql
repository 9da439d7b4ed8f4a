-- Which machine's replicas a call's sound is asked for at: its TELEPHONY__PEER_URL.
ALTER TABLE calls ADD COLUMN media_peer text NOT NULL DEFAULT '';
