-- The peers' activities as rows of pacegraph's table. They have no greatest heart rate: it is made from the average.
SELECT pg_temp.id_of('Activity', id) AS id, pg_temp.id_of('Athlete', athlete_id) AS athlete_id, 'STRAVA' AS source, strava_id, name, sport_type, start_date AS started_at,
       start_date AT TIME ZONE 'UTC' AS started_at_local, 'UTC' AS timezone, distance AS distance_m,
       moving_time AS moving_time_s, elapsed_time AS elapsed_time_s, elevation_gain AS elevation_gain_m,
       average_heartrate AS average_heart_rate_bpm, average_heartrate + 15 AS max_heart_rate_bpm,
       'EVERYONE' AS visibility, 'ABSENT' AS streams_state
  FROM activities
